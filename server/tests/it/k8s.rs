//! The manifests: built with kustomize, checked against the schemas of Kubernetes.

use std::process::Command;

use crate::tools::{folder, program, root, run};

fn build(overlay: &str) -> Option<String> {
    let kustomize = program("kustomize")?;
    let (code, out, err) = run(Command::new(kustomize)
        .arg("build")
        .arg(root().join("k8s").join(overlay)));
    assert_eq!(code, 0, "{err}");
    Some(out)
}

/// Problems that kubeconform finds, under every version of Kubernetes whose schemas are there.
fn problems(manifests: &str) -> Option<Vec<String>> {
    let kubeconform = program("kubeconform")?;
    program("k8s-schemas")?;
    let file = tempfile::Builder::new()
        .suffix(".yaml")
        .tempfile()
        .expect("file");
    std::fs::write(file.path(), manifests).expect("written");
    let versions = std::fs::read_dir(folder().join("k8s-schemas")).expect("schemas");
    let mut problems = Vec::new();
    for version in versions {
        let version = version.expect("entry").path();
        let schemas = format!(
            "{}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
            version.display()
        );
        let (code, out, _) = run(Command::new(&kubeconform)
            .args(["-strict", "-schema-location", &schemas])
            .arg(file.path()));
        if code != 0 {
            problems.push(out);
        }
    }
    Some(problems)
}

#[test]
fn every_manifest_is_valid() {
    for overlay in ["base", "overlays/dev"] {
        let Some(manifests) = build(overlay) else {
            return;
        };
        let Some(problems) = problems(&manifests) else {
            return;
        };
        assert!(problems.is_empty(), "{overlay}: {problems:?}");
    }
}

#[test]
fn an_invented_field_is_found() {
    let Some(manifests) = build("base") else {
        return;
    };
    let planted = manifests.replace("serviceName:", "inventedField: 1\n  serviceName:");
    let Some(problems) = problems(&planted) else {
        return;
    };
    assert!(problems.iter().all(|p| p.contains("inventedField")) && !problems.is_empty());
}

#[test]
fn the_grace_period_covers_the_configured_deadlines() {
    let config = std::fs::read_to_string(root().join("k8s/base/orders.toml")).expect("config");
    let seconds = |name: &str| -> u64 {
        let line = config
            .lines()
            .find(|line| line.starts_with(name))
            .expect("a setting");
        line.split('"')
            .nth(1)
            .and_then(|v| v.trim_end_matches('s').parse().ok())
            .expect("seconds")
    };
    let needed = seconds("termination_delay") + seconds("drain") + seconds("stop") + 5;
    let manifest = std::fs::read_to_string(root().join("k8s/base/statefulset.yaml")).expect("set");
    let line = manifest
        .lines()
        .find(|line| line.contains("terminationGracePeriodSeconds"));
    let grace: u64 = line
        .and_then(|l| l.rsplit(' ').next())
        .and_then(|v| v.parse().ok())
        .expect("a number");
    assert!(grace >= needed, "{grace} s are fewer than {needed} s");
}
