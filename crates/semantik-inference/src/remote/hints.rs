//! What a provider says in its headers about when to ask again.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Longer waits are not believed.
const LONGEST: Duration = Duration::from_secs(3600);

/// What the headers of an answer say about waiting.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hints {
    /// An order: `retry-after-ms`, or `Retry-After` in seconds or as a date.
    pub retry_after: Option<Duration>,
    /// Until an allowance that is used up is filled again (`x-ratelimit-*`).
    pub exhausted: Option<Duration>,
    /// Until the allowances are filled again, used up or not.
    pub reset: Option<Duration>,
}

impl Hints {
    /// Reads the headers; what cannot be read is as if it were not there.
    pub fn read(headers: &HeaderMap, now: SystemTime) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let milliseconds = text("retry-after-ms").and_then(|text| seconds(text, 0.001));
        let after = text(RETRY_AFTER.as_str()).and_then(|text| {
            seconds(text, 1.0).or_else(|| {
                let date = httpdate::parse_http_date(text).ok()?;
                Some(date.duration_since(now).unwrap_or_default().min(LONGEST))
            })
        });
        let mut hints = Self { retry_after: milliseconds.or(after), ..Self::default() };
        for kind in ["requests", "tokens"] {
            let reset = text(&format!("x-ratelimit-reset-{kind}")).and_then(span);
            hints.reset = hints.reset.max(reset);
            if text(&format!("x-ratelimit-remaining-{kind}")) == Some("0") {
                hints.exhausted = hints.exhausted.max(reset);
            }
        }
        hints
    }

    /// How long to wait after a refusal, if that was said.
    pub fn after_refusal(&self) -> Option<Duration> {
        self.retry_after.or(self.exhausted).or(self.reset)
    }
}

fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let value = text.parse::<f64>().ok()? * unit;
    let value = if value.is_nan() { return None } else { value.clamp(0.0, LONGEST.as_secs_f64()) };
    Some(Duration::from_secs_f64(value))
}

/// A time such as `6m0s`, `1h2m3.5s`, `120ms`, or bare seconds.
fn span(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let number = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let after = &rest[number..];
        let unit = after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len());
        let factor = match &after[..unit] {
            "ms" => 0.001,
            "s" | "" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += seconds(&rest[..number], factor)?;
        rest = &after[unit..];
    }
    (!text.is_empty()).then(|| total.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::{Duration, HeaderMap, Hints, LONGEST, SystemTime};

    fn read(headers: &[(&'static str, &str)]) -> Hints {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a header value"));
        }
        // 1994-11-06 08:49:37 GMT
        Hints::read(&map, SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777))
    }

    #[test]
    fn retry_after_is_seconds_a_date_or_milliseconds() {
        let after = |headers: &[(&'static str, &str)]| read(headers).retry_after;
        assert_eq!(after(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(after(&[("retry-after", "Sun, 06 Nov 1994 08:49:57 GMT")]), Some(Duration::from_secs(20)));
        assert_eq!(after(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(Duration::ZERO));
        assert_eq!(after(&[("retry-after", "9"), ("retry-after-ms", "250")]), Some(Duration::from_millis(250)));
        assert_eq!(after(&[("retry-after", "1e300")]), Some(LONGEST));
        assert_eq!(after(&[("retry-after", "soon")]), None);
        assert_eq!(after(&[]), None);
    }

    #[test]
    fn an_allowance_that_is_used_up_says_when_it_is_filled() {
        let hints = read(&[
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        assert_eq!(hints.exhausted, Some(Duration::from_secs(360)));
        assert_eq!(hints.after_refusal(), Some(Duration::from_secs(360)));
        let left = read(&[("x-ratelimit-remaining-requests", "3"), ("x-ratelimit-reset-requests", "120ms")]);
        assert_eq!((left.exhausted, left.after_refusal()), (None, Some(Duration::from_millis(120))));
    }

    #[test]
    fn spans_of_time_are_read_as_providers_write_them() {
        let span = |text| super::span(text).map(|span| span.as_millis());
        assert_eq!(span("1h2m3.5s"), Some(3_600_000));
        assert_eq!(span("2m3.5s"), Some(123_500));
        assert_eq!(span("17"), Some(17_000));
        for text in ["", "s", "4 weeks", "..", "-1s"] {
            assert_eq!(span(text), None, "{text:?}");
        }
    }
}
