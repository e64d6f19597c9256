//! The OpenAPI document: collected from the handlers, finished here.

use std::future::{Ready, ready};

use axum::http::{HeaderName, header};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, InfoBuilder, OpenApi, PathItem, Ref, RefOr, ResponseBuilder};

use crate::routes::health::ALIASES;

/// Adds what no handler says: the title, the problem every operation may answer with, and the
/// second addresses of the health checks.
pub(crate) fn finish(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Semantik")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Search your documents by meaning and by words."))
        .build();
    for item in document.paths.paths.values_mut() {
        operations(item).into_iter().for_each(add_problem);
    }
    for (address, alias) in ALIASES {
        if let Some(mut item) = document.paths.paths.get(address).cloned() {
            for operation in operations(&mut item) {
                let name = alias.trim_start_matches('/').replace(['/', '-'], "_");
                operation.operation_id = Some(name);
            }
            document.paths.paths.insert(alias.to_owned(), item);
        }
    }
    document
}

fn operations(item: &mut PathItem) -> Vec<&mut Operation> {
    let verbs = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
    verbs.into_iter().filter_map(Option::as_mut).collect()
}

fn add_problem(operation: &mut Operation) {
    let content = Content::new(Some(Ref::from_schema_name("HttpProblem")));
    let response =
        ResponseBuilder::new().description("An RFC 9457 problem").content("application/problem+json", content);
    operation.responses.responses.insert("default".to_owned(), RefOr::T(response.build()));
}

/// A handler that answers with the document.
pub(crate) fn serve(document: OpenApi) -> impl Fn() -> Ready<([(HeaderName, &'static str); 1], String)> + Clone {
    let text = document.to_json().expect("the document is texts and numbers");
    move || ready(([(header::CONTENT_TYPE, "application/json")], text.clone()))
}
