//! Limits of size: lines of a file, lines of a function.

use super::finding::Finding;
use super::source::Source;
use super::tree::{File, Tree};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;
const CODE: &[&str] = &["rs", "ts", "tsx", "js", "css", "py", "sh"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let files = tree.files.iter().filter(|file| file.has_extension(CODE)).filter_map(long_file);
    let functions = tree.rust().flat_map(long_functions);
    files.chain(functions).collect()
}

fn long_file(file: &File) -> Option<Finding> {
    let lines = file.text.lines().count();
    (lines > FILE_LINES).then(|| {
        let message = format!("{lines} lines; split it by noun, the limit is {FILE_LINES}");
        Finding::new(&file.path, FILE_LINES + 1, message)
    })
}

fn long_functions(file: &File) -> Vec<Finding> {
    let source = Source::read(file);
    let long = source.functions().into_iter().filter(|function| !source.is_test(function.first));
    long.filter_map(|function| {
        let lines = function.last - function.first + 1;
        (lines > FUNCTION_LINES).then(|| {
            let message =
                format!("`{}` has {lines} lines; give its steps names, the limit is {FUNCTION_LINES}", function.name);
            Finding::new(&file.path, function.first, message)
        })
    })
    .collect()
}
