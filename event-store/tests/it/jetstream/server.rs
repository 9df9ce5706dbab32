//! Real servers on loopback, with a port of their own, ended with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// One nats-server and its store.
pub(super) struct Server {
    program: PathBuf,
    dir: TempDir,
    process: Option<Child>,
    port: u16,
    settings: String,
}

/// Where a program is: in `ORDERS_TEST_BIN_DIR`, in `PATH`, or among the workspace's tools.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    find(name).or_else(|| {
        // Fetches it if it can be had; several tests may ask at once, the script lets one do it.
        let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/tools/install");
        let fetched = Command::new(install).arg(name).status();
        fetched
            .ok()
            .filter(std::process::ExitStatus::success)
            .and_then(|_| find(name))
    })
}

fn find(name: &str) -> Option<PathBuf> {
    let given = std::env::var_os("ORDERS_TEST_BIN_DIR").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let fetched = std::env::var_os("ORDERS_TOOLS_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools"),
        PathBuf::from,
    );
    given
        .into_iter()
        .chain(std::env::split_paths(&path))
        .chain([fetched.join("bin")])
        .map(|dir| dir.join(name))
        .find(|program| program.is_file())
}

/// Notes that a test lacks a program. Where tests must be complete it fails instead.
pub(crate) fn skipped(program: &str) {
    let again = format!("server/tests/tools/install {program}");
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{program} not found; this test must not be skipped here; run {again}"
    );
    say_skipped(
        program,
        &format!("install Go 1.26 or newer, then run {again}"),
    );
}

/// A note for the list that ends a run of all tests; `server/tests/skipped` prints it.
pub(crate) fn say_skipped(lacks: &str, how: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped");
    std::fs::create_dir_all(&folder).expect("a folder for notes");
    let name = format!("event-store-{test}-{lacks}").replace([':', '/', ' '], "_");
    std::fs::write(folder.join(name), format!("{lacks}\n{test}\n{how}\n")).expect("a note");
}

impl Server {
    /// A server on a free port with an empty store; `None`, said aloud, without the program.
    pub(super) async fn start(name: &str) -> Option<Self> {
        Self::start_with(name, "").await
    }

    /// The same with further lines of configuration.
    pub(super) async fn start_with(name: &str, settings: &str) -> Option<Self> {
        let Some(program) = program(name) else {
            skipped(name);
            return None;
        };
        let mut server = Self {
            program,
            dir: tempfile::tempdir().expect("a directory"),
            process: None,
            port: 0,
            settings: settings.to_owned(),
        };
        server.run().await;
        Some(server)
    }

    /// Starts the process, on the same port as before if there was one.
    pub(super) async fn run(&mut self) {
        let dir = self.dir.path();
        let listen = if self.port == 0 {
            -1
        } else {
            i32::from(self.port)
        };
        let config = dir.join("nats.conf");
        let text = format!(
            "listen: \"127.0.0.1:{listen}\"\nports_file_dir: {dir:?}\n{}\n\
             jetstream {{ store_dir: {:?}, max_file_store: 64GB, max_memory_store: 256MB }}\n",
            self.settings,
            self.store_dir(),
        );
        std::fs::write(&config, text).expect("a configuration");
        let process = Command::new(&self.program)
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        self.port = port(dir, process.id()).await;
        self.process = Some(process);
    }

    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn store_dir(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// kill -9, and waits for the end.
    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("killed");
            process.wait().expect("ended");
        }
    }

    /// An orderly end, as an operator's.
    pub(super) fn stop(&mut self) {
        self.signal("TERM");
        if let Some(mut process) = self.process.take() {
            process.wait().expect("ended");
        }
    }

    /// Keeps a copy of the store, as a backup would.
    pub(super) async fn back_up(&mut self) {
        self.stop();
        copy(&self.store_dir(), &self.dir.path().join("backup"));
        self.run().await;
    }

    /// Puts that copy in the place of the store.
    pub(super) async fn restore(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.store_dir()).expect("removed");
        copy(&self.dir.path().join("backup"), &self.store_dir());
        self.run().await;
    }

    pub(super) fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("running");
        let status = Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(process.id().to_string())
            .status();
        assert!(status.expect("kill runs").success(), "signal {signal}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("an entry");
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).expect("copied");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The port that the server wrote down once it listened.
async fn port(dir: &Path, process: u32) -> u16 {
    let suffix = format!("_{process}.ports");
    let read = async {
        loop {
            if let Some(port) = written_port(dir, &suffix) {
                return port;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(super::PATIENCE, read)
        .await
        .expect("the server listens in time")
}

fn written_port(dir: &Path, suffix: &str) -> Option<u16> {
    let entries = std::fs::read_dir(dir).expect("readable");
    let file = entries
        .filter_map(Result::ok)
        .find(|entry| entry.file_name().to_string_lossy().ends_with(suffix))?;
    let text = std::fs::read_to_string(file.path()).ok()?;
    let ports: serde_json::Value = serde_json::from_str(&text).ok()?;
    ports["nats"][0].as_str()?.rsplit(':').next()?.parse().ok()
}
