//! The binary under test, and a NATS server, as child processes that end with the test.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::tools::{program, run};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so, and fails the test when it never is.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "other processes are polled, until a deadline"
)]
pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The binary.
pub(crate) fn orders() -> Command {
    Command::new(env!("CARGO_BIN_EXE_orders"))
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free port")
        .port()
}

/// A running service. Ports are chosen once, so that it can be started again in their place.
pub(crate) struct Server {
    child: Option<Child>,
    folder: PathBuf,
    arguments: Vec<String>,
    pub(crate) grpc: String,
    pub(crate) health: String,
    pub(crate) admin: String,
}

impl Server {
    /// Starts it over `folder`, without waiting.
    pub(crate) fn launch(folder: &Path, settings: &[&str]) -> Self {
        let [grpc, health, admin] = [0; 3].map(|_: i32| format!("127.0.0.1:{}", free_port()));
        let mut arguments = vec!["serve".to_owned(), "--data-dir".to_owned()];
        arguments.push(folder.join("data").display().to_string());
        let listen = [("grpc", &grpc), ("health", &health), ("admin", &admin)];
        let listen = listen.map(|(name, address)| format!("{name}.listen={address}"));
        for set in listen
            .into_iter()
            .chain(settings.iter().map(|s| (*s).to_owned()))
        {
            arguments.extend(["--set".to_owned(), set]);
        }
        let mut server = Self {
            child: None,
            folder: folder.to_owned(),
            arguments,
            grpc,
            health,
            admin,
        };
        server.start();
        server
    }

    /// Starts it, and waits until it is ready.
    pub(crate) fn ready(folder: &Path, settings: &[&str]) -> Self {
        let server = Self::launch(folder, settings);
        server.wait_ready();
        server
    }

    /// Starts it on ports that the system chooses while the server binds them, and waits until it
    /// is ready: dozens of clients take ports of their own meanwhile.
    pub(crate) fn ready_on_any_ports(folder: &Path) -> Self {
        let any = ["grpc", "health", "admin"].map(|name| format!("{name}.listen=127.0.0.1:0"));
        let mut server = Self::launch(folder, &any.each_ref().map(String::as_str));
        let mut ready = None;
        wait_until("the log says that the service is ready", || {
            ready = server.ready_line();
            ready.is_some()
        });
        let ready = ready.unwrap_or_default();
        let address = |name: &str| ready[name].as_str().expect("an address").to_owned();
        (server.grpc, server.health, server.admin) =
            (address("grpc"), address("health"), address("admin"));
        server
    }

    fn ready_line(&self) -> Option<serde_json::Value> {
        let log = self.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        { lines }.find(|line: &serde_json::Value| line["message"] == "ready")
    }

    pub(crate) fn start(&mut self) {
        let file = |name: &str| {
            let file = File::options()
                .create(true)
                .append(true)
                .open(self.folder.join(name));
            file.expect("a log file")
        };
        let child = orders()
            .args(&self.arguments)
            .stdout(file("server.log"))
            .stderr(file("server.err"))
            .spawn();
        self.child = Some(child.expect("the binary starts"));
    }

    pub(crate) fn wait_ready(&self) {
        wait_until("the service is ready", || {
            self.healthcheck("readiness") == 0
        });
    }

    pub(crate) fn healthcheck(&self, service: &str) -> i32 {
        run(orders().args(["healthcheck", "--addr", &self.health, "--service", service])).0
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default()
    }

    /// What it said outside of its log, which should be nothing.
    pub(crate) fn err(&self) -> String {
        std::fs::read_to_string(self.folder.join("server.err")).unwrap_or_default()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = self.child.as_ref().expect("running").id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .expect("kill")
                .success()
        );
    }

    /// Waits until it has ended by itself; answers its exit code.
    pub(crate) fn wait(&mut self) -> i32 {
        let mut child = self.child.take().expect("running");
        let mut code = None;
        wait_until("the service has stopped", || {
            code = child
                .try_wait()
                .expect("a child")
                .map(|status| status.code().unwrap_or(-1));
            code.is_some()
        });
        code.unwrap_or(-1)
    }

    pub(crate) fn stop(&mut self) {
        self.terminate();
        assert_eq!(self.wait(), 0, "{}", self.log());
    }

    /// Runs a client subcommand; it must succeed.
    #[track_caller]
    pub(crate) fn client(&self, arguments: &[&str]) -> String {
        let (code, out, err) = run(orders()
            .args(arguments)
            .args(["--addr", &format!("http://{}", self.grpc)]));
        assert_eq!(code, 0, "orders {arguments:?}: {out}{err}");
        out
    }

    /// The digest of the read model, once it does not lag.
    pub(crate) fn digest(&self) -> String {
        let mut digest = String::new();
        wait_until("the read model has caught up", || {
            let out = self.client(&["read-model", "show", "-o", "jsonl"]);
            let shown: serde_json::Value = serde_json::from_str(out.trim()).expect("JSON");
            digest = shown["digest"].to_string();
            shown.get("lagCommits").is_none() && shown["position"] == shown["head"]
        });
        digest
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A NATS server with JetStream.
pub(crate) struct Nats {
    child: Option<Child>,
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    /// Every message is synced to the disk before it is acknowledged; the benchmark asks for it.
    pub(crate) sync_always: bool,
}

impl Nats {
    /// One that is not started yet; `None` where there is no program.
    pub(crate) fn new(folder: &Path) -> Option<Self> {
        let program = program("nats-server")?;
        Some(Self {
            child: None,
            program,
            folder: folder.join("nats"),
            port: free_port(),
            sync_always: false,
        })
    }

    pub(crate) fn start(&mut self) {
        let mut command = Command::new(&self.program);
        let sync = if self.sync_always {
            "sync_interval: always"
        } else {
            ""
        };
        // Without the limit the server takes three quarters of the free disk, which may be too
        // little for the streams that are asked for.
        let configuration = self.folder.with_extension("conf");
        let text = format!("jetstream {{ max_file_store: 64GB\n{sync} }}");
        std::fs::write(&configuration, text).expect("a configuration file");
        command.arg("-c").arg(configuration);
        let child = command
            .args([
                "-js",
                "-a",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-sd",
            ])
            .arg(&self.folder)
            .args([
                "-l",
                &self.folder.with_extension("log").display().to_string(),
            ])
            .spawn();
        self.child = Some(child.expect("nats-server starts"));
        wait_until("NATS listens", || {
            std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.stop();
    }
}
