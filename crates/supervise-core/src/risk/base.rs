//! Risks of what a Dockerfile builds on: its base images and the program that reads it.

use std::collections::HashSet;

use super::dockerfile::Dockerfile;
use super::subject::{Subject, shown, shown_list};

pub(super) fn not_a_dockerfile(subject: &Subject<'_>) -> Option<String> {
    let file = subject.dockerfile.as_ref()?;
    let empty = file.stages().is_empty();
    empty.then(|| "the payload is not a Dockerfile: it has no FROM".to_owned())
}

/// The frontend is an image that runs with the whole build in its hands.
pub(super) fn frontend_changed(subject: &Subject<'_>) -> Option<String> {
    let frontend = subject.dockerfile.as_ref()?.frontend.as_ref()?;
    let same = subject
        .live
        .as_ref()
        .is_some_and(|live| live.frontend.as_ref() == Some(frontend));
    let own = ["docker/dockerfile:", "docker.io/docker/dockerfile:"];
    let usual = own.iter().any(|prefix| frontend.starts_with(prefix)) || frontend == "docker/dockerfile";
    (!same && !usual).then(|| format!("the build would be run by the image {}", shown(frontend)))
}

pub(super) fn base_moved(subject: &Subject<'_>) -> Option<String> {
    let new = new_images(subject);
    let old = subject.live.as_ref()?.images();
    let Some(to) = shown_list(new.iter().map(String::as_str)) else {
        return final_image_moved(subject)
            .map(|(from, to)| format!("the image is built on {} instead of {}", shown(&to), shown(&from)));
    };
    let from = shown_list(old.iter().map(String::as_str)).unwrap_or_else(|| "none".to_owned());
    Some(format!("the base image moves from {from} to {to}"))
}

pub(super) fn base_untagged(subject: &Subject<'_>) -> Option<String> {
    let mut new = new_images(subject);
    new.extend(
        final_image_moved(subject)
            .map(|(_, to)| to)
            .filter(|to| !new.contains(to)),
    );
    let images = shown_list(new.iter().map(String::as_str).filter(|image| is_untagged(image)))?;
    Some(format!(
        "a base image without a fixed tag may be another one tomorrow: {images}"
    ))
}

pub(super) fn image_copied(subject: &Subject<'_>) -> Option<String> {
    let old = subject.live.as_ref().map(copied_images).unwrap_or_default();
    let new = copied_images(subject.dockerfile.as_ref()?);
    let images = shown_list(
        new.iter()
            .filter(|image| !old.contains(image))
            .map(String::as_str),
    )?;
    Some(format!("files would come from another image: {images}"))
}

/// What the last stage started from and what it would start from, where that is another. It may be an image that
/// another stage has used before.
fn final_image_moved(subject: &Subject<'_>) -> Option<(String, String)> {
    let from = subject.live.as_ref()?.final_image()?;
    let to = subject.dockerfile.as_ref()?.final_image()?;
    (from != to).then_some((from, to))
}

fn new_images(subject: &Subject<'_>) -> Vec<String> {
    let old = subject.live.as_ref().map(Dockerfile::images).unwrap_or_default();
    let new = subject
        .dockerfile
        .as_ref()
        .map(Dockerfile::images)
        .unwrap_or_default();
    new.into_iter().filter(|image| !old.contains(image)).collect()
}

/// No tag, or the one that always moves. A port is no tag, and a digest needs none.
fn is_untagged(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or(image);
    !image.contains('@')
        && last
            .split_once(':')
            .is_none_or(|(_, tag)| tag == "latest" || tag.contains('$'))
}

fn copied_images(file: &Dockerfile) -> Vec<String> {
    let names: HashSet<String> = file.stages().into_iter().filter_map(|stage| stage.name).collect();
    let is_stage =
        |image: &str| image.parse::<usize>().is_ok() || names.contains(&image.to_ascii_lowercase());
    let copied = file.all("COPY").filter_map(|own| own.flag("from"));
    let mounts = file
        .all("RUN")
        .flat_map(|own| own.flags.iter())
        .filter_map(|flag| {
            let options = flag.strip_prefix("--mount=")?;
            options.split(',').find_map(|option| option.strip_prefix("from="))
        });
    copied
        .chain(mounts)
        .filter(|image| !is_stage(image))
        .map(str::to_owned)
        .collect()
}
