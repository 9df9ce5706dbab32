//! Three workers, until Ctrl-C. With the argument `fail`, the second one fails.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use lifecycle::{Error, Supervisor, worker};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let fails = std::env::args().any(|argument| argument == "fail");
    let work = |name: &'static str| {
        worker(name, move |cx| async move {
            println!("{name} works");
            if fails && name == "two" {
                return Err(Error::new("out of paper").with_next_step("fill the tray"));
            }
            cx.stopping().await;
            println!("{name} is done");
            Ok(())
        })
    };
    let supervisor = Supervisor::builder()
        .termination_delay(std::time::Duration::ZERO)
        .add(work("one"))
        .add(work("two"))
        .add(work("three"))
        .build();
    supervisor.expect("three names").run().await.into()
}
