//! Kernels from their text to code of one card, kept on disk from start to start.

use std::ffi::{CString, c_char, c_int};
use std::path::{Path, PathBuf};

use cudarc::nvrtc::{result, sys};
use sha2::{Digest, Sha256};

use crate::cuda::fault::Fault;
use crate::cuda::kernels::{Form, text};
use crate::models::hex;

/// The code of all kernels of `form` for cards of this capability. `folder` keeps it; where it
/// cannot be written to, every start compiles anew.
///
/// # Errors
/// When the compiler refuses the text, or does not know the card.
pub(crate) fn code(form: Form, capability: (i32, i32), folder: Option<&Path>) -> Result<Vec<u8>, Fault> {
    let (text, options) = (text(), options(form, capability));
    let name = file_name(&text, &options, version()?);
    let kept = folder.map(|folder| folder.join(name));
    if let Some(code) = kept.as_ref().and_then(|file| std::fs::read(file).ok()).filter(|code| looks_whole(code)) {
        return Ok(code);
    }
    let code = compile(&text, &options)?;
    if let Some(file) = kept
        && let Err(error) = keep(&file, &code)
    {
        tracing::debug!(%error, file = %file.display(), "compiled kernels could not be kept");
    }
    Ok(code)
}

fn options(form: Form, (major, minor): (i32, i32)) -> Vec<String> {
    let mut options = vec![format!("--gpu-architecture=sm_{major}{minor}")];
    options.extend(form.macros());
    options
}

/// Names the text, how it is compiled, and by what.
fn file_name(text: &str, options: &[String], (major, minor): (c_int, c_int)) -> String {
    let mut hash = Sha256::new();
    hash.update(text);
    options.iter().for_each(|option| hash.update(format!("\n{option}")));
    hash.update(format!("\n{major}.{minor}"));
    format!("kernels-{}.cubin", &hex(&hash.finalize())[..16])
}

/// Code for a card is an ELF file; one cut short by a crash does not survive the rename below.
fn looks_whole(code: &[u8]) -> bool {
    code.starts_with(b"\x7fELF")
}

fn keep(file: &Path, code: &[u8]) -> std::io::Result<()> {
    let folder: PathBuf = file.parent().unwrap_or(Path::new(".")).to_owned();
    std::fs::create_dir_all(&folder)?;
    let part = tempfile::NamedTempFile::new_in(folder)?;
    std::fs::write(part.path(), code)?;
    part.persist(file).map_err(|error| error.error).map(drop)
}

fn version() -> Result<(c_int, c_int), Fault> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: it writes two numbers.
    unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) }
        .result()
        .map_err(|error| Fault::of("the kernel compiler", error))?;
    Ok((major, minor))
}

fn compile(text: &str, options: &[String]) -> Result<Vec<u8>, Fault> {
    let text = CString::new(text).map_err(|error| Fault::of("the kernels' text", error))?;
    let program = Program(result::create_program(&text, Some(c"kernels.cu")).map_err(failure)?);
    // SAFETY: the program lives until the end of this function, and so does its text.
    unsafe {
        if let Err(error) = result::compile_program(program.0, options) {
            let log: Vec<c_char> = result::get_program_log(program.0).unwrap_or_default();
            let log = log.into_iter().take_while(|byte| *byte != 0).map(|byte| byte as u8).collect::<Vec<u8>>();
            let said = String::from_utf8_lossy(&log).trim().to_owned();
            return Err(Fault::Broken(format!("the kernels do not compile with {options:?}: {error} {said}")));
        }
        let mut bytes = 0;
        sys::nvrtcGetCUBINSize(program.0, &raw mut bytes).result().map_err(failure)?;
        let mut code = vec![0_u8; bytes];
        sys::nvrtcGetCUBIN(program.0, code.as_mut_ptr().cast()).result().map_err(failure)?;
        Ok(code)
    }
}

fn failure(error: result::NvrtcError) -> Fault {
    Fault::of("the kernel compiler", error)
}

struct Program(sys::nvrtcProgram);

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: made by `create_program`, destroyed once.
        if let Err(error) = unsafe { result::destroy_program(self.0) } {
            tracing::debug!(%error, "a compiled program was not let go");
        }
    }
}

#[cfg(test)]
mod tests {
    use cudarc::nvrtc::sys::is_culib_present;

    use super::{compile, file_name, options};
    use crate::cuda::kernels::{Form, text};
    use crate::cuda::numbers::Numbers;

    #[test]
    fn kept_code_is_named_after_all_it_depends_on() {
        let form = Form { numbers: Numbers::Half, head_dim: 64 };
        let name = |form, capability, version| file_name(&text(), &options(form, capability), version);
        let first = name(form, (9, 0), (13, 0));
        assert_eq!(first, name(form, (9, 0), (13, 0)));
        assert_ne!(first, name(form, (8, 0), (13, 0)));
        assert_ne!(first, name(form, (9, 0), (12, 9)));
        assert_ne!(first, name(Form { head_dim: 32, ..form }, (9, 0), (13, 0)));
        assert_ne!(first, name(Form { numbers: Numbers::Brain, ..form }, (9, 0), (13, 0)));
    }

    #[test]
    fn all_kernels_compile_for_every_generation_where_the_compiler_is_at_hand() {
        // SAFETY: loading the compiler's library runs its constructors, which it is made for.
        if !unsafe { is_culib_present() } {
            println!("libnvrtc is not there; `scripts/gpu.sh kernels` fetches it and runs this test");
            return;
        }
        for capability in [(8, 0), (8, 9), (9, 0)] {
            for (numbers, head_dim) in [
                (Numbers::Float, 32),
                (Numbers::Float, 256),
                (Numbers::Half, 24),
                (Numbers::Half, 32),
                (Numbers::Half, 64),
                (Numbers::Brain, 96),
                (Numbers::Brain, 128),
            ] {
                let options = options(Form { numbers, head_dim }, capability);
                let code = compile(&text(), &options).unwrap_or_else(|fault| panic!("{fault}"));
                assert!(code.starts_with(b"\x7fELF"), "{options:?}");
                println!("{options:?}: {} bytes", code.len());
            }
        }
    }
}
