//! Runs the real binary in a temporary folder, with vectors that need no model.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A data folder and a corpus, gone at the end.
pub struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        let home = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        std::fs::create_dir(home.corpus()).expect("writable");
        home
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn corpus(&self) -> PathBuf {
        self.dir.path().join("corpus")
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.corpus().join(name);
        std::fs::create_dir_all(path.parent().expect("below the corpus")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_semantik"));
        command
            .args(args)
            .arg("--data-dir")
            .arg(self.data())
            .env("USE_MOCK_EMBEDDINGS", "true")
            .env("BATCH_SIZE", "16")
            .env("METRICS_PORT", "0")
            .current_dir(self.dir.path());
        for name in [
            "SEMANTIK_DATA_DIR",
            "RUST_LOG",
            "NO_COLOR",
            "LOG_LEVEL",
            "LOG_FORMAT",
            "BIND_ADDRESS",
            "HOSTNAME",
            "WEBUI_PORT",
            "VECPIPE_PORT",
            "INTERNAL_API_KEY",
            "INTERNAL_API_KEY_FILE",
            "DATABASE_URL",
        ] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs to the end.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().expect("the binary starts"))
    }

    /// Runs with `--json` and expects success.
    pub fn json(&self, args: &[&str]) -> Value {
        let mut with_json = args.to_vec();
        with_json.push("--json");
        self.run(&with_json).expect(0).json()
    }

    pub fn index(&self) -> Value {
        let corpus = self.corpus();
        self.json(&["index", corpus.to_str().expect("a plain path")])
    }

    /// Starts without waiting.
    pub fn start(&self, args: &[&str]) -> Running {
        Running::of(&mut self.command(args))
    }

    /// Starts the server on a free port and waits until it says where.
    pub fn serve(&self) -> Running {
        let mut server = self.start(&["serve", "--bind", "127.0.0.1:0"]);
        wait_for("the server's address", || {
            assert!(server.child.try_wait().expect("a child").is_none(), "the server ended");
            self.data().join("serve.json").exists().then_some(())
        });
        server
    }

    pub fn url(&self) -> String {
        let text = std::fs::read_to_string(self.data().join("serve.json")).expect("a server runs");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        value["url"].as_str().expect("a URL").to_owned()
    }
    /// A counter of the running server; 0 before it was first counted.
    pub fn metric(&self, name: &str) -> u64 {
        let url = self.url();
        let address = url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("a server runs");
        write!(stream, "GET /metrics HTTP/1.0\r\nhost: {address}\r\n\r\n").expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.contains(" 200 "), "{answer}");
        let line = answer.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |value| value.trim().parse().expect("a whole number"))
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}: stdout is not one JSON document:\n{}", self.stdout))
    }

    pub fn error(&self) -> Value {
        let value: Value =
            serde_json::from_str(&self.stderr).unwrap_or_else(|e| panic!("{e}: stderr is not JSON:\n{}", self.stderr));
        value["error"].clone()
    }
}

/// A process that is killed when the test ends before it does.
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts a command without waiting.
    pub fn of(command: &mut Command) -> Self {
        Self { child: command.spawn().expect("the binary starts") }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.child.id()).expect("a process id");
        // SAFETY: kill takes two numbers; the child has not been waited for, so the id is still its.
        let sent = unsafe { libc::kill(pid, signal) };
        assert_eq!(sent, 0, "the process is still there");
    }

    pub fn wait(mut self) -> Ran {
        use std::io::Read;
        let mut ran = Ran { code: None, stdout: String::new(), stderr: String::new() };
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut ran.stdout).expect("UTF-8");
        }
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut ran.stderr).expect("UTF-8");
        }
        ran.code = self.child.wait().expect("a child").code();
        ran
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has usually ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until something is there; a state, not a time, is waited for.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        // Leaves the processor to the process that is waited for.
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
