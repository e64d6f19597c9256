//! What makes numbers from elsewhere a vector: enough of them, all finite, of unit length.

/// Why an answer is of no use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Not what the protocol says.
    Shape(String),
    /// A vector that is none.
    Vector { place: usize, why: &'static str },
    /// Vectors of another size.
    Dimensions { found: usize, expected: usize },
}

impl From<String> for Unusable {
    fn from(why: String) -> Self {
        Self::Shape(why)
    }
}

/// `count` vectors of unit length and of `expected` numbers, or, where that is not known, of the same
/// size as the first.
///
/// # Errors
/// [`Unusable`] for a wrong count, size or number.
pub(crate) fn check(
    mut vectors: Vec<Vec<f32>>,
    count: usize,
    expected: Option<usize>,
) -> Result<Vec<Vec<f32>>, Unusable> {
    if vectors.len() != count {
        return Err(Unusable::Shape(format!("{} vectors for {count} texts", vectors.len())));
    }
    let expected = expected.or_else(|| vectors.first().map(Vec::len)).unwrap_or_default();
    for (place, vector) in vectors.iter_mut().enumerate() {
        if vector.len() != expected {
            return Err(Unusable::Dimensions { found: vector.len(), expected });
        }
        let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
        if !length.is_finite() || length == 0.0 {
            let why = if length == 0.0 { "it is all zeros" } else { "it holds a number that is none" };
            return Err(Unusable::Vector { place, why });
        }
        vector.iter_mut().for_each(|number| *number = (f64::from(*number) / length) as f32);
    }
    Ok(vectors)
}

/// `items` in the order of their places, each of which occurs once.
///
/// # Errors
/// When one is missing, too much or there twice.
pub(crate) fn ordered<T>(items: impl Iterator<Item = (usize, T)>, count: usize) -> Result<Vec<T>, String> {
    let mut places: Vec<Option<T>> = std::iter::repeat_with(|| None).take(count).collect();
    let mut found = 0;
    for (place, item) in items {
        found += 1;
        match places.get_mut(place) {
            Some(slot @ None) => *slot = Some(item),
            _ => return Err(format!("place {place} of {count} is not there or there twice")),
        }
    }
    places.into_iter().collect::<Option<Vec<T>>>().ok_or_else(|| format!("{found} results for {count} texts"))
}

#[cfg(test)]
mod tests {
    use super::{Unusable, check, ordered};

    #[test]
    fn vectors_get_unit_length() {
        assert_eq!(check(vec![vec![3.0, -4.0]], 1, Some(2)), Ok(vec![vec![0.6, -0.8]]));
        assert_eq!(check(vec![vec![1e30, 0.0]], 1, None), Ok(vec![vec![1.0, 0.0]]));
        assert_eq!(check(Vec::new(), 0, None), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_vector_is_refused() {
        for bad in [f32::NAN, f32::INFINITY, 0.0] {
            let two = vec![vec![1.0; 2], vec![bad; 2]];
            assert!(matches!(check(two, 2, Some(2)), Err(Unusable::Vector { place: 1, .. })), "{bad}");
        }
        assert!(matches!(check(vec![vec![1.0]], 2, None), Err(Unusable::Shape(_))));
        assert_eq!(check(vec![vec![1.0]], 1, Some(2)), Err(Unusable::Dimensions { found: 1, expected: 2 }));
        assert_eq!(check(vec![vec![1.0], vec![1.0; 3]], 2, None), Err(Unusable::Dimensions { found: 3, expected: 1 }));
    }

    #[test]
    fn every_place_is_filled_once() {
        assert_eq!(ordered([(1, 'b'), (0, 'a')].into_iter(), 2), Ok(vec!['a', 'b']));
        for bad in [vec![(0, 'a')], vec![(0, 'a'), (0, 'b')], vec![(0, 'a'), (2, 'b')]] {
            assert!(ordered(bad.into_iter(), 2).is_err());
        }
    }
}
