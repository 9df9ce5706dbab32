//! Which component waits for which, and whether that can work.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use tokio::time::Instant;

use crate::{ComponentSnapshot, Member, Phase, Snapshot, State};

/// Everything that is wrong with what was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is nothing to supervise.
    Empty,
    /// Two components have this name.
    Duplicate(String),
    /// `component` comes after something that is not there.
    Unknown {
        component: String,
        dependency: String,
    },
    /// Each of these comes, in the end, after itself.
    Cycle(Vec<String>),
}

impl std::error::Error for BuildError {}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { "; " })?;
            match problem {
                Problem::Empty => f.write_str("no components")?,
                Problem::Duplicate(name) => write!(f, "two components are called {name}")?,
                Problem::Unknown {
                    component,
                    dependency,
                } => {
                    write!(
                        f,
                        "{component} comes after {dependency}, which does not exist"
                    )?;
                }
                Problem::Cycle(names) => write!(f, "a cycle among {}", names.join(", "))?,
            }
        }
        Ok(())
    }
}

/// Which component waits for which, by index.
pub(crate) struct Graph {
    /// Those it starts after.
    pub(crate) below: Vec<Vec<usize>>,
    /// Those that stop before it.
    pub(crate) above: Vec<Vec<usize>>,
    pub(crate) background: Vec<bool>,
}

impl Graph {
    pub(crate) fn of(members: &[Member]) -> Result<Self, BuildError> {
        let mut problems = Vec::new();
        let mut index_of = BTreeMap::new();
        for (index, Member { component, .. }) in members.iter().enumerate() {
            if index_of.insert(component.name(), index).is_some() {
                problems.push(Problem::Duplicate(component.name().to_owned()));
            }
        }
        if members.is_empty() {
            problems.push(Problem::Empty);
        }
        let mut below = vec![Vec::new(); members.len()];
        let mut above = vec![Vec::new(); members.len()];
        for (index, Member { component, options }) in members.iter().enumerate() {
            for name in &options.after {
                match index_of.get(&**name) {
                    Some(&other) => below[index].push(other),
                    None => problems.push(Problem::Unknown {
                        component: component.name().to_owned(),
                        dependency: name.clone(),
                    }),
                }
            }
            let present = options
                .after_if_present
                .iter()
                .filter_map(|n| index_of.get(&**n));
            below[index].extend(present);
            let stops_before = options
                .stops_before
                .iter()
                .filter_map(|n| index_of.get(&**n));
            for &other in below[index].iter().chain(stops_before) {
                above[other].push(index);
            }
        }
        for group in cycles(&above) {
            let names = group
                .iter()
                .map(|&i| members[i].component.name().to_owned());
            problems.push(Problem::Cycle(names.collect()));
        }
        if !problems.is_empty() {
            return Err(BuildError { problems });
        }
        let background = inherit(members, &below);
        Ok(Self {
            below,
            above,
            background,
        })
    }

    /// Those that start after this one, directly.
    pub(crate) fn dependents(&self, index: usize) -> Vec<usize> {
        let all = 0..self.below.len();
        all.filter(|&other| self.below[other].contains(&index))
            .collect()
    }

    pub(crate) fn snapshot(&self, members: &[Member]) -> Snapshot {
        let name = |index: usize| members[index].component.name().to_owned();
        let components = (0..members.len()).map(|index| ComponentSnapshot {
            name: name(index),
            state: State::Pending,
            since: Instant::now(),
            starts: 0,
            restarts: 0,
            after: self.below[index].iter().map(|&other| name(other)).collect(),
            foreground: !self.background[index],
            usable: false,
            recalls: false,
            detail: None,
        });
        Snapshot {
            phase: Phase::Loading,
            components: components.collect(),
        }
    }
}

/// A component that comes after a background component is in the background itself.
fn inherit(members: &[Member], below: &[Vec<usize>]) -> Vec<bool> {
    let declared_so = |index: usize| members[index].options.background;
    (0..members.len())
        .map(|i| declared_so(i) || reachable(below, i).into_iter().any(declared_so))
        .collect()
}

/// The groups of nodes that reach one another. Graphs of components are small.
fn cycles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let reach: Vec<_> = (0..edges.len())
        .map(|node| reachable(edges, node))
        .collect();
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let mut groups = Vec::new();
    for node in 0..edges.len() {
        if reach[node].contains(&node) && !seen.contains(&node) {
            let both = |&other: &usize| reach[other].contains(&node);
            let group: Vec<_> = reach[node].iter().copied().filter(both).collect();
            seen.extend(&group);
            groups.push(group);
        }
    }
    groups
}

/// What can be reached in one step or more.
fn reachable(edges: &[Vec<usize>], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = edges[from].clone();
    while let Some(node) = open.pop() {
        if reached.insert(node) {
            open.extend(&edges[node]);
        }
    }
    reached
}
