//! Checks, gauges, a delay before it leaves, and a cleanup. With the argument `fail`, it fails.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]
#![expect(clippy::disallowed_methods, reason = "time enters here")]

use std::time::{Duration, SystemTime};

use lifecycle::{ComponentExt, Gauges, Sample, Supervisor, clock, disk, resource, worker};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let second = Duration::from_secs(1);
    let open = || async { Ok(()) };
    let close = |()| async {
        println!("the folder is cleaned up");
        Ok(())
    };
    let mail = worker("mail", move |cx| async move {
        if std::env::args().any(|argument| argument == "fail") {
            Err("no mail server")?;
        }
        cx.stopping().await;
        Ok(())
    });
    let gauges = Gauges::new(second, |sample: &Sample| println!("{sample:?}"));
    let supervisor = Supervisor::builder()
        .termination_delay(second / 10)
        .add(resource("folder", open, close))
        .add(disk("disk", "/", 1))
        .add(clock("clock", SystemTime::now, second, 60 * second))
        .add(gauges.gauge("letters", [("box", "out")], || 1.0))
        .add(mail.after(["folder"]))
        .build();
    supervisor.expect("five names").run().await.into()
}
