//! The reranker over a tokenizer and whatever computes: classifiers of pairs, and decoders asked for a
//! judgement.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::cancel::leave_on;
use crate::local::embed::{Compute, finite};
use crate::local::engine::{LocalOptions, Workers, describe};
use crate::local::head::Answers;
use crate::local::model::Task;
use crate::local::pool::Pool;
use crate::local::settings::{Settings, Shape, invalid};
use crate::local::tokens::{ModelTokenizer, PairMarks};
use crate::{InferenceError, ModelInfo, Purpose, Reranker};

/// What Qwen3-Reranker was trained to read before and after a pair.
const PREFIX: &str = "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the \
     Instruct provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n<|im_start|>user\n";
const SUFFIX: &str = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";
const INSTRUCTION: &str = "Given a web search query, retrieve relevant passages that answer the query";
/// The longest question that Qwen3-Reranker is meant for, in tokens.
const JUDGE_TOKENS: usize = 8192;

/// A loaded reranker.
pub(crate) struct ModelReranker<C> {
    info: ModelInfo,
    writer: Arc<Writer>,
    pub compute: C,
}

/// A reranker on the processor.
pub(crate) type LocalReranker = ModelReranker<Workers>;

/// Makes ids of pairs.
struct Writer {
    tokenizer: ModelTokenizer,
    form: Form,
}

/// How a pair is put to the model.
enum Form {
    Pair(PairMarks),
    /// A question in words, of which the middle may take `room` tokens.
    Question {
        prefix: Vec<u32>,
        suffix: Vec<u32>,
        room: usize,
    },
}

/// Loads the reranker in `folder`, to be known as `name`.
///
/// # Errors
/// [`InferenceError::Invalid`] that says what is wrong with the folder.
pub fn open_reranker(folder: &Path, name: &str, options: LocalOptions) -> Result<Arc<dyn Reranker>, InferenceError> {
    let settings = read_reranker(folder)?;
    let info = ModelInfo { dimensions: 1, ..describe(folder, name, options.quantization, &settings)? };
    Ok(Arc::new(LocalReranker::load(folder, info, &settings, options.pool()?)?))
}

/// Reads the small files of a reranker.
///
/// # Errors
/// As [`Settings::read`].
pub(crate) fn read_reranker(folder: &Path) -> Result<Settings, InferenceError> {
    let mut settings = Settings::read(folder)?;
    settings.max_tokens = settings.max_tokens.min(JUDGE_TOKENS);
    Ok(settings)
}

impl LocalReranker {
    /// Loads tokenizer and weights.
    pub(crate) fn load(
        folder: &Path,
        info: ModelInfo,
        settings: &Settings,
        pool: Arc<Pool>,
    ) -> Result<Self, InferenceError> {
        Self::over(folder, info, settings, |info, task| Workers::load(folder, info, settings, task, pool))
    }
}

impl<C: Compute> ModelReranker<C> {
    /// Loads the tokenizer, and the weights with `load`.
    ///
    /// # Errors
    /// As [`Writer::load`], and what `load` says.
    pub fn over(
        folder: &Path,
        info: ModelInfo,
        settings: &Settings,
        load: impl FnOnce(&ModelInfo, Task) -> Result<C, InferenceError>,
    ) -> Result<Self, InferenceError> {
        let (writer, answers) = Writer::load(folder, settings)?;
        let compute = load(&info, Task::Rerank(answers))?;
        Ok(Self { info, writer: Arc::new(writer), compute })
    }
}

fn question(folder: &Path, tokenizer: &ModelTokenizer, most: usize) -> Result<Form, InferenceError> {
    let (prefix, suffix) = (tokenizer.part_ids(PREFIX)?, tokenizer.part_ids(SUFFIX)?);
    let room = most.saturating_sub(prefix.len() + suffix.len());
    if room < 8 {
        return Err(invalid(folder, format!("a limit of {most} tokens leaves no room for the question")));
    }
    Ok(Form::Question { prefix, suffix, room })
}

fn answers(folder: &Path, tokenizer: &ModelTokenizer) -> Result<Answers, InferenceError> {
    let token = |word: &str| {
        tokenizer.token(word).ok_or_else(|| {
            invalid(folder, format!("tokenizer.json: it has no token {word:?}, which a reranker answers with"))
        })
    };
    Ok(Answers { yes: token("yes")?, no: token("no")? })
}

impl Writer {
    /// Loads the tokenizer; a decoder has answers to choose from.
    ///
    /// # Errors
    /// [`InferenceError::Invalid`] when the tokenizer lacks what the model is asked with.
    fn load(folder: &Path, settings: &Settings) -> Result<(Self, Option<Answers>), InferenceError> {
        let tokenizer = ModelTokenizer::load(folder, settings)?;
        let (form, answers) = match &settings.shape {
            Shape::Encoder(_) | Shape::Modern(_) | Shape::Gated(_) => {
                let marks = tokenizer.pair_marks();
                (Form::Pair(marks.map_err(|error| invalid(folder, format!("tokenizer.json: {error}")))?), None)
            }
            Shape::Decoder(_) => {
                (question(folder, &tokenizer, settings.max_tokens)?, Some(answers(folder, &tokenizer)?))
            }
        };
        Ok((Self { tokenizer, form }, answers))
    }

    /// The ids of `query` with each passage.
    ///
    /// # Errors
    /// [`InferenceError::Cancelled`], and when the tokenizer refuses a text.
    fn write(
        &self,
        query: &str,
        passages: &[String],
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<u32>>, InferenceError> {
        let first = match &self.form {
            Form::Pair(_) => self.tokenizer.part_ids(query)?,
            Form::Question { .. } => Vec::new(),
        };
        let one = |passage: &String| {
            if cancel.is_cancelled() {
                return Err(InferenceError::Cancelled);
            }
            match &self.form {
                Form::Pair(marks) => Ok(self.tokenizer.pair_ids(marks, &first, &self.tokenizer.part_ids(passage)?)),
                Form::Question { prefix, suffix, room } => {
                    let text = format!("<Instruct>: {INSTRUCTION}\n<Query>: {query}\n<Document>: {passage}");
                    let ids = self.tokenizer.ids_within(&text, *room)?;
                    Ok([prefix, &ids, suffix].into_iter().flatten().copied().collect())
                }
            }
        };
        passages.iter().map(one).collect()
    }
}

#[async_trait]
impl<C: Compute> Reranker for ModelReranker<C> {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn rerank(
        &self,
        query: String,
        passages: Vec<String>,
        cancel: &CancellationToken,
    ) -> Result<Vec<f32>, InferenceError> {
        let work = async {
            let (writer, stop) = (Arc::clone(&self.writer), cancel.clone());
            let ids = tokio::task::spawn_blocking(move || writer.write(&query, &passages, &stop))
                .await
                .map_err(|error| InferenceError::Unavailable(error.to_string()))??;
            let scores = self.compute.run(ids, Purpose::Query).await?;
            finite(&self.info.name, &scores)?;
            Ok(scores.into_iter().flatten().collect())
        };
        leave_on(cancel, work).await
    }
}
