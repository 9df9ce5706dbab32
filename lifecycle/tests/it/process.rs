//! The supervisor as a process of its own: real signals, real exit codes, real pipes.

#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    clippy::exit,
    reason = "a child reads its orders from the environment and ends with an exit code"
)]

use std::{
    io::{BufRead, BufReader, Lines, Read, Write},
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    sync::mpsc::channel,
    time::Duration,
};

use lifecycle::{
    Component, ComponentExt as _, Error, RunContext, StartContext, StopContext, Supervisor,
    async_trait,
};

/// A component that says which hook it is in, and hangs in one of them.
struct Hanging(String);

impl Hanging {
    async fn enter(&self, hook: &str) -> Result<(), Error> {
        // A closed standard output is one of the things that are tested.
        writeln!(std::io::stdout(), "in {hook}").ok();
        if self.0 == hook {
            std::future::pending::<()>().await;
        }
        if self.0 == format!("fail in {hook}") {
            return Err(Error::new("it broke"));
        }
        Ok(())
    }
}

#[async_trait]
impl Component for Hanging {
    fn name(&self) -> &str {
        "hanging"
    }

    fn load(&mut self) -> Result<(), Error> {
        writeln!(std::io::stdout(), "in load").ok();
        if self.0 == "load" {
            // Until the test has sent its signal and closes the pipe.
            std::io::stdin().read_to_end(&mut Vec::new())?;
        }
        Ok(())
    }

    async fn start(&mut self, _cx: &StartContext) -> Result<(), Error> {
        self.enter("start").await
    }

    async fn run(&mut self, cx: &RunContext) -> Result<(), Error> {
        self.enter("run").await?;
        cx.stopping().await;
        Ok(())
    }

    async fn drain(&mut self, _cx: &StopContext) -> Result<(), Error> {
        self.enter("drain").await
    }

    async fn stop(&mut self, _cx: &StopContext) -> Result<(), Error> {
        self.enter("stop").await
    }
}

#[test]
#[ignore = "a child that the other tests start"]
fn child() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome = runtime.block_on(async {
        let minute = Duration::from_secs(60);
        let hook = std::env::var("HANG_IN").unwrap();
        let hanging = Hanging(hook).drain_within(minute).stop_within(minute);
        let supervisor = Supervisor::builder().termination_delay(Duration::ZERO);
        let supervisor = supervisor.drain_timeout(minute).stop_timeout(2 * minute);
        supervisor.add(hanging).build().unwrap().run().await
    });
    std::process::exit(outcome.exit_code().into());
}

/// A child at work.
pub(crate) struct Process {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
    stderr: Option<ChildStderr>,
}

/// Starts this very program once more, as a child that hangs in this hook.
fn command(hook: &str, wrapper: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut arguments: Vec<_> = wrapper.iter().map(std::ffi::OsString::from).collect();
    arguments.push(program.into());
    let child = ["--exact", "process::child", "--ignored", "--nocapture"];
    arguments.extend(child.map(std::ffi::OsString::from));
    let mut command = Command::new(&arguments[0]);
    command.args(&arguments[1..]).env("HANG_IN", hook);
    command
}

impl Process {
    fn start(hook: &str) -> Self {
        Self::spawn(command(hook, &[]))
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        Self {
            lines: Some(BufReader::new(stdout).lines()),
            stderr: child.stderr.take(),
            child,
        }
    }

    /// Whatever it writes from now on fails.
    fn close_pipes(&mut self) {
        (self.lines, self.stderr) = (None, None);
    }

    /// Reads its output up to this line.
    #[track_caller]
    pub(crate) fn says(&mut self, line: &str) {
        let found = self
            .lines
            .as_mut()
            .unwrap()
            .any(|it| it.unwrap().ends_with(line));
        assert!(found, "it never said {line:?}");
    }

    pub(crate) fn signal(&self, name: &str) {
        kill(name, &self.child.id().to_string());
    }

    /// Its exit code and its standard error.
    #[track_caller]
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        drop(self.child.stdin.take());
        let stderr = self.stderr.take();
        let id = self.child.id().to_string();
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let said = stderr
                .map_or(Ok(String::new()), std::io::read_to_string)
                .unwrap();
            let status = self.child.wait().unwrap();
            sender.send((status.code(), said)).ok();
        });
        receiver
            .recv_timeout(Duration::from_secs(30))
            .unwrap_or_else(|_| {
                kill("KILL", &id);
                panic!("it did not end");
            })
    }
}

fn kill(name: &str, id: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), id])
        .status();
    assert!(status.unwrap().success(), "kill -{name} {id}");
}

#[test]
fn a_signal_ends_it_in_good_order_in_every_phase() {
    for (hook, name) in [("load", "TERM"), ("start", "INT"), ("nowhere", "TERM")] {
        let mut process = Process::start(hook);
        process.says(if hook == "nowhere" { "in run" } else { hook });
        process.signal(name);
        let (code, said) = process.ended();
        assert_eq!(code, Some(0), "{hook}: {said}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once_with_a_code_of_its_own() {
    for (hook, state, second, code) in [
        ("drain", "Draining", "INT", 130),
        ("stop", "Stopping", "TERM", 143),
        ("stop", "Stopping", "QUIT", 131),
    ] {
        let mut process = Process::start(hook);
        process.says("in run");
        process.signal("TERM");
        process.says(&format!("in {hook}"));
        process.signal(second);
        let (ended, said) = process.ended();
        assert_eq!(ended, Some(code), "{hook}: {said}");
        let doing = state.to_lowercase();
        let laggard = format!("hanging: everything, while {doing} did not end in time");
        assert!(said.contains(&laggard), "{said}");
        let snapshot = format!("hanging: {state} for ");
        assert!(said.contains(&snapshot), "{said}");
    }
}

#[test]
fn a_quit_ends_it_at_once() {
    let mut process = Process::start("nowhere");
    process.says("in run");
    process.signal("QUIT");
    assert_eq!(process.ended().0, Some(131));
}

#[test]
fn a_failure_is_told_on_standard_error_where_no_subscriber_is_installed() {
    for (hook, verb, code) in [("start", "start", 69), ("run", "run", 70)] {
        let process = Process::start(&format!("fail in {hook}"));
        let (ended, said) = process.ended();
        assert_eq!(ended, Some(code));
        let [line] = &said.lines().collect::<Vec<_>>()[..] else {
            panic!("not one line: {said}")
        };
        let begins = format!("error: stopped because hanging failed to {verb}: it broke; ");
        assert!(line.starts_with(&begins), "{line}");
        assert!(
            line.ends_with("; next step: remove the cause, then start again"),
            "{line}"
        );
    }
}

#[test]
fn closed_pipes_change_neither_the_stop_nor_the_exit_code() {
    for (hook, code) in [("nowhere", 0), ("fail in drain", 70)] {
        let mut process = Process::start(hook);
        process.says("in run");
        process.close_pipes();
        process.signal("TERM");
        assert_eq!(process.ended().0, Some(code), "{hook}");
    }
}

#[test]
fn it_obeys_as_the_first_process_of_a_container() {
    // The first process of a namespace has no default for any signal: what it does not handle, it
    // does not get.
    let wrapper = [
        "unshare",
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--kill-child",
    ];
    let allowed = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg("true")
        .output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: a pid namespace cannot be made here (unshare --user --pid)");
        return;
    }
    let mut process = Process::spawn(command("nowhere", &wrapper));
    process.says("in run");
    let children = format!("/proc/{0}/task/{0}/children", process.child.id());
    let first = std::fs::read_to_string(children).unwrap();
    kill("TERM", first.trim());
    let (code, said) = process.ended();
    assert_eq!(code, Some(0), "{said}");
}
