//! What a builder refuses, and what it lets pass.

use lifecycle::{BuildError, ComponentExt as _, Problem, Supervisor, worker};

use crate::rig::{Diary, Script, builder, ms, run};

fn problems(result: Result<Supervisor, BuildError>) -> Vec<Problem> {
    result.err().expect("a graph that is not sound").problems
}

#[test]
fn nothing_to_supervise_is_an_error() {
    assert_eq!(problems(Supervisor::builder().build()), [Problem::Empty]);
}

#[tokio::test(start_paused = true)]
async fn every_problem_of_the_graph_is_named_at_once() {
    let diary = Diary::new();
    let found = builder()
        .add(diary.script("a"))
        .add(diary.script("a"))
        .add(diary.script("b").after(["nobody", "nowhere"]))
        .add(diary.script("c").after(["e"]))
        .add(diary.script("d").after(["c"]))
        .add(diary.script("e").after(["d"]))
        .add(diary.script("self").after(["self"]))
        .build();
    let unknown = |dependency: &str| Problem::Unknown {
        component: "b".to_owned(),
        dependency: dependency.to_owned(),
    };
    let cycle = |names: &[&str]| Problem::Cycle(names.iter().map(ToString::to_string).collect());
    let expected = [
        Problem::Duplicate("a".to_owned()),
        unknown("nobody"),
        unknown("nowhere"),
        cycle(&["c", "d", "e"]),
        cycle(&["self"]),
    ];
    assert_eq!(problems(found), expected);
}

#[test]
fn stopping_before_one_another_is_a_cycle_too() {
    let idle = |name: &str| worker(name, |_| std::future::pending());
    let found = builder()
        .add(idle("a").after(["b"]))
        .add(idle("b").stops_before(["a"]))
        .build();
    assert!(matches!(&problems(found)[..], [Problem::Cycle(names)] if names.len() == 2));
}

#[tokio::test(start_paused = true)]
async fn an_absent_component_is_passed_over_with_its_options() {
    let diary = Diary::new();
    let running = run(builder()
        .add(diary.script("store"))
        .maybe_add(None::<Script>.map(|it| it.after(["nobody"])))
        .add(
            diary
                .script("server")
                .after(["store"])
                .after_if_present(["cache"]),
        ));
    assert_eq!(running.terminated_after(ms(10)).await.exit_code(), 0);
    assert_eq!(diary.of(".start"), ["store", "server"]);
}
