//! What the binary is made of, as CycloneDX 1.6: no time and no random number in it, so that it never changes by
//! itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::binary::Target;
use super::libc;
use crate::command::{self, Failed, cargo};

/// The bill of materials of a package's normal dependencies, for one target; JSON with a final newline.
pub(super) fn of(package: &str, target: &Target) -> Result<String, Failed> {
    let tree = linked(package, target)?;
    let metadata = metadata(target)?;
    let lock =
        fs::read_to_string("Cargo.lock").map_err(|error| Failed::new(format!("Cargo.lock: {error}")))?;
    let libc = libc::linked_into(target)?;
    let bill = bill(package, &tree, &metadata, &checksums(&lock), &libc)?;
    serde_json::to_string_pretty(&bill)
        .map(|text| text + "\n")
        .map_err(|error| Failed::new(format!("writing the SBOM: {error}")))
}

/// A crate's name and version.
type Id = (String, String);

/// What is linked into the package's programs. The metadata knows the dependencies of the whole workspace at once,
/// with features that only another member has turned on, so the list comes from here.
fn linked(package: &str, target: &Target) -> Result<BTreeSet<Id>, Failed> {
    let mut tree = cargo("tree");
    tree.args([
        "--locked",
        "--package",
        package,
        "--edges",
        "normal,no-proc-macro",
    ])
    .args(["--target", target.triple(), "--prefix", "none", "--format", "{p}"]);
    Ok(command::read(&mut tree)?.lines().filter_map(id_in_tree).collect())
}

/// From a line such as `serde v1.0.229 (*)`.
fn id_in_tree(line: &str) -> Option<Id> {
    let mut words = line.split_whitespace();
    let name = words.next()?.to_owned();
    Some((name, words.next()?.strip_prefix('v')?.to_owned()))
}

fn metadata(target: &Target) -> Result<Value, Failed> {
    let mut metadata = cargo("metadata");
    metadata.args([
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        target.triple(),
    ]);
    serde_json::from_str(&command::read(&mut metadata)?)
        .map_err(|error| Failed::new(format!("cargo metadata: {error}")))
}

/// The SHA-256 of each crate's archive; those of this repository have none.
fn checksums(lock: &str) -> BTreeMap<Id, String> {
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        Some(line?.trim_matches('"').to_owned())
    };
    lock.split("[[package]]")
        .filter_map(|block| {
            let id = (field(block, "name = ")?, field(block, "version = ")?);
            Some((id, field(block, "checksum = ")?))
        })
        .collect()
}

fn bill(
    package: &str,
    tree: &BTreeSet<Id>,
    metadata: &Value,
    checksums: &BTreeMap<Id, String>,
    libc: &Id,
) -> Result<Value, Failed> {
    let packages = array(&metadata["packages"]);
    let described: Vec<_> = packages
        .filter(|described| tree.contains(&id(described)))
        .map(|described| (id(described), described))
        .collect();
    let (subject, others): (Vec<_>, Vec<_>) = described.iter().partition(|(id, _)| id.0 == package);
    let [(subject_id, subject)] = subject[..] else {
        return Err(Failed::new(format!("cargo metadata knows no package {package}")));
    };
    if described.len() != tree.len() {
        return Err(Failed::new("cargo tree and cargo metadata know different crates"));
    }
    let component =
        |(id, described): &(Id, &Value), kind: &str| component(id, described, checksums.get(id), kind);
    let mut components: BTreeMap<_, _> = others
        .iter()
        .map(|(id, described)| (id.clone(), component(&(id.clone(), described), "library")))
        .collect();
    let mut edges = edges(tree, metadata);
    for (id, described) in &described {
        if let Some((inner_id, inner)) = sqlite(described)? {
            edges.entry(id.clone()).or_default().insert(inner_id.clone());
            edges.entry(inner_id.clone()).or_default();
            components.insert(inner_id, inner);
        }
    }
    // The program's own: a crate that is linked elsewhere needs another, or none.
    edges.entry(subject_id.clone()).or_default().insert(libc.clone());
    edges.entry(libc.clone()).or_default();
    components.insert(libc.clone(), c_library(libc, license_of(libc)));
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component(&(subject_id.clone(), subject), "application")},
        "components": components.into_values().collect::<Vec<_>>(),
        "dependencies": edges.iter().map(|(from, to)| json!({
            "ref": reference(from),
            "dependsOn": to.iter().map(reference).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    }))
}

fn component(id: &Id, described: &Value, checksum: Option<&String>, kind: &str) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": reference(id),
        "name": id.0,
        "version": id.1,
        "purl": reference(id),
    });
    if let Some(license) = described["license"].as_str() {
        // An older spelling of OR.
        component["licenses"] = json!([{"expression": license.replace('/', " OR ")}]);
    }
    if let Some(checksum) = checksum {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    component
}

/// The C library that lies in the sources of its binding, which no list of crates names.
fn sqlite(described: &Value) -> Result<Option<(Id, Value)>, Failed> {
    if described["name"] != "libsqlite3-sys" {
        return Ok(None);
    }
    let manifest = Path::new(described["manifest_path"].as_str().unwrap_or_default());
    let header = manifest.with_file_name("sqlite3").join("sqlite3.h");
    let text =
        fs::read_to_string(&header).map_err(|error| Failed::new(format!("{}: {error}", header.display())))?;
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("#define SQLITE_VERSION "))
        .map(|rest| rest.trim().trim_matches('"').to_owned())
        .ok_or_else(|| Failed::new(format!("{} has no version", header.display())))?;
    let id = (SQLITE.to_owned(), version);
    let component = c_library(&id, json!({"name": "Public Domain"}));
    Ok(Some((id, component)))
}

fn c_library(id: &Id, license: Value) -> Value {
    json!({
        "type": "library",
        "bom-ref": reference(id),
        "name": id.0,
        "version": id.1,
        "purl": reference(id),
        "licenses": [{"license": license}],
    })
}

fn license_of((name, _): &Id) -> Value {
    match name.as_str() {
        "musl" => json!({"id": "MIT"}),
        _ => json!({"id": "LGPL-2.1-or-later"}),
    }
}

const SQLITE: &str = "sqlite";
/// What is no crate.
const C_LIBRARIES: [&str; 3] = [SQLITE, "musl", "glibc"];

/// A package URL, which also serves as the reference inside the bill.
fn reference((name, version): &Id) -> String {
    let kind = if C_LIBRARIES.contains(&name.as_str()) {
        "generic"
    } else {
        "cargo"
    };
    format!("pkg:{kind}/{name}@{version}")
}

/// Who uses whom, over normal dependencies, among what is linked.
fn edges(tree: &BTreeSet<Id>, metadata: &Value) -> BTreeMap<Id, BTreeSet<Id>> {
    let by_key: BTreeMap<_, _> = array(&metadata["packages"])
        .map(|package| (package["id"].as_str().unwrap_or_default(), id(package)))
        .collect();
    let known = |key: &Value| by_key.get(key.as_str()?).filter(|id| tree.contains(*id)).cloned();
    array(&metadata["resolve"]["nodes"])
        .filter_map(|node| {
            let to = array(&node["deps"])
                .filter(|dependency| array(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null()))
                .filter_map(|dependency| known(&dependency["pkg"]));
            Some((known(&node["id"])?, to.collect()))
        })
        .collect()
}

fn id(package: &Value) -> Id {
    let text = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
    (text("name"), text("version"))
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_tree_names_a_crate() {
        let id = |name: &str, version: &str| Some((name.to_owned(), version.to_owned()));
        assert_eq!(id_in_tree("serde v1.0.229 (*)"), id("serde", "1.0.229"));
        assert_eq!(id_in_tree("ours v0.1.0 (/src/ours)"), id("ours", "0.1.0"));
        assert_eq!(id_in_tree(""), None);
    }

    #[test]
    fn only_crates_of_the_registry_have_checksums() {
        let lock = "version = 4\n\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n\n\
            [[package]]\nname = \"serde\"\nversion = \"1.0.229\"\nsource = \"registry+…\"\nchecksum = \"ab12\"\n";
        let found = checksums(lock);
        assert_eq!(found.len(), 1);
        assert_eq!(found[&("serde".to_owned(), "1.0.229".to_owned())], "ab12");
    }

    #[test]
    fn what_is_not_linked_is_neither_listed_nor_depended_on() {
        let package =
            |name: &str| json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0"});
        let uses = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [package("program"), package("library"), package("tests-only")],
            "resolve": {"nodes": [
                {"id": "program", "deps": [uses("library", Value::Null), uses("tests-only", json!("dev"))]},
                {"id": "library", "deps": []},
                {"id": "tests-only", "deps": []},
            ]},
        });
        let tree = ["program", "library"].map(|name| (name.to_owned(), "1.0.0".to_owned()));
        let libc = ("glibc".to_owned(), "2.36".to_owned());
        let bill = bill("program", &tree.into(), &metadata, &BTreeMap::new(), &libc).unwrap();
        let names: Vec<_> = array(&bill["components"]).map(|one| &one["name"]).collect();
        assert_eq!(names, ["glibc", "library"]);
        assert_eq!(
            bill["components"][0]["licenses"][0]["license"]["id"],
            "LGPL-2.1-or-later"
        );
        assert_eq!(
            bill["components"][1]["licenses"][0]["expression"],
            "MIT OR Apache-2.0"
        );
        assert_eq!(
            bill["dependencies"],
            json!([
                {"ref": "pkg:generic/glibc@2.36", "dependsOn": []},
                {"ref": "pkg:cargo/library@1.0.0", "dependsOn": []},
                {"ref": "pkg:cargo/program@1.0.0", "dependsOn": ["pkg:generic/glibc@2.36", "pkg:cargo/library@1.0.0"]},
            ])
        );
    }
}
