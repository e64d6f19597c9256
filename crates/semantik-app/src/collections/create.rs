//! Making and changing a collection.

use semantik_core::collection::{Collection, CollectionStatus, Dataset, Index, IndexStatus, NewCollection};
use semantik_core::id::{CollectionId, DatasetId, IndexId};

use super::{CollectionPatch, CollectionSummary};
use crate::{App, AppError, Caller};

const NAME_CHARS: usize = 255;
const DESCRIPTION_CHARS: usize = 4000;
const TAGS: usize = 50;

impl App {
    /// Makes a collection with its default dataset and index.
    ///
    /// # Errors
    /// `invalid_request` for a bad name or chunk settings, `already_exists` for a taken name.
    pub async fn create_collection(&self, caller: &Caller, new: NewCollection) -> Result<CollectionSummary, AppError> {
        let name = check_name(&new.name)?;
        check_texts(&new.description, &new.tags)?;
        check_chunking(&new.chunking, self.embedder().info().max_tokens)?;
        let (now, model) = (self.now(), self.embedder().identify().await?);
        let collection = Collection {
            id: CollectionId::generate(),
            owner: caller.user(),
            name,
            description: new.description,
            tags: new.tags,
            status: CollectionStatus::Ready,
            created_at: now,
            updated_at: now,
        };
        let dataset = Dataset {
            id: DatasetId::generate(),
            collection: collection.id,
            name: "default".into(),
            chunking: new.chunking,
            created_at: now,
        };
        let index = Index {
            id: IndexId::generate(),
            dataset: dataset.id,
            collection: collection.id,
            model: model.name.clone(),
            model_hash: model.hash.clone(),
            quantization: model.quantization,
            recipe: model.recipe.clone(),
            dimensions: model.dimensions,
            generation: 1,
            status: IndexStatus::Ready,
            created_at: now,
        };
        let id = collection.id;
        self.store().create_collection(collection, dataset, index).await?;
        self.collection(caller, &id.to_string()).await
    }

    /// Changes name, description or tags.
    ///
    /// # Errors
    /// `not_found`, `invalid_request`, `already_exists` for a taken name.
    pub async fn update_collection(
        &self,
        caller: &Caller,
        key: &str,
        patch: CollectionPatch,
    ) -> Result<CollectionSummary, AppError> {
        let mut collection = self.find_collection(caller, key).await?;
        if let Some(name) = patch.name {
            collection.name = check_name(&name)?;
        }
        collection.description = patch.description.unwrap_or(collection.description);
        collection.tags = patch.tags.unwrap_or(collection.tags);
        check_texts(&collection.description, &collection.tags)?;
        collection.updated_at = self.now();
        let id = collection.id;
        self.store().update_collection(collection).await?;
        self.collection(caller, &id.to_string()).await
    }
}

fn check_name(name: &str) -> Result<String, AppError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
        return Err(AppError::invalid(format!(
            "a collection's name has 1 to {NAME_CHARS} characters, none of them control characters"
        )));
    }
    if name.parse::<CollectionId>().is_ok() {
        return Err(AppError::invalid("a collection's name must not look like an id"));
    }
    Ok(name.to_owned())
}

fn check_texts(description: &str, tags: &[String]) -> Result<(), AppError> {
    if description.chars().count() > DESCRIPTION_CHARS {
        return Err(AppError::invalid(format!("a description has at most {DESCRIPTION_CHARS} characters")));
    }
    check_tags(tags)
}

/// Tags are short and few.
pub(crate) fn check_tags(tags: &[String]) -> Result<(), AppError> {
    if tags.len() > TAGS || tags.iter().any(|tag| tag.trim().is_empty() || tag.chars().count() > 64) {
        return Err(AppError::invalid(format!("at most {TAGS} tags of 1 to 64 characters each")));
    }
    Ok(())
}

fn check_chunking(settings: &semantik_core::chunk::ChunkSettings, model_tokens: usize) -> Result<(), AppError> {
    let most = model_tokens.saturating_sub(2);
    if !(16..=8192).contains(&settings.max_tokens) || settings.max_tokens > most {
        return Err(AppError::invalid(format!("chunking.max_tokens is between 16 and {most} for this model")));
    }
    if settings.overlap_tokens * 2 >= settings.max_tokens {
        return Err(AppError::invalid("chunking.overlap_tokens is less than half of chunking.max_tokens"));
    }
    Ok(())
}
