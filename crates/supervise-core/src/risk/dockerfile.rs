//! A Dockerfile, read for what its instructions are.
//!
//! What can't be read is kept as an instruction of its own, so that it shows up as new.

use std::collections::HashSet;

use super::variables::Variables;
use super::words::words;

/// A here-document that is longer isn't taken for one; a search without end would be slow.
const MAX_HERE_DOCUMENT_LINES: usize = 500;

/// The instructions of a Dockerfile, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Dockerfile {
    pub(super) instructions: Vec<Instruction>,
    /// What `ONBUILD` puts off to the builds that start from this image.
    pub(super) put_off: Vec<Instruction>,
    /// The program that reads the file, if it names one.
    pub(super) frontend: Option<String>,
}

/// One instruction, on one line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Instruction {
    /// In upper case.
    pub(super) keyword: String,
    /// The `--name=value` words behind it.
    pub(super) flags: Vec<String>,
    /// The rest; a here-document follows its line.
    pub(super) rest: String,
}

/// A part of a build, from one `FROM` to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage<'d> {
    /// The image or the earlier stage it starts from, arguments filled in.
    pub(super) base: String,
    pub(super) name: Option<String>,
    pub(super) instructions: &'d [Instruction],
}

impl Dockerfile {
    pub(super) fn parse(text: &str) -> Self {
        let mut lines = text.lines().peekable();
        let (mut frontend, mut escape) = (None, '\\');
        while let Some((name, value)) = lines.peek().and_then(|line| directive(line)) {
            match name.as_str() {
                "syntax" => frontend = Some(value),
                "escape" => escape = value.chars().next().unwrap_or('\\'),
                _ => {}
            }
            lines.next();
        }
        let (mut instructions, mut put_off) = (Vec::new(), Vec::new());
        while let Some(line) = next_line(&mut lines, escape) {
            let mut instruction = Instruction::parse(&line);
            instruction.take_here_documents(&mut lines);
            if instruction.keyword == "ONBUILD" {
                let mut later = Instruction::parse(&instruction.rest);
                later.take_here_documents(&mut lines);
                put_off.push(later);
            }
            instructions.push(instruction);
        }
        Dockerfile {
            instructions,
            put_off,
            frontend,
        }
    }

    /// The instructions of that keyword, those that are put off too.
    pub(super) fn all(&self, keyword: &str) -> impl Iterator<Item = &Instruction> {
        let all = self.instructions.iter().chain(&self.put_off);
        all.filter(move |instruction| instruction.keyword == keyword)
    }

    /// The same with the variables filled in that the file itself has set by then.
    pub(super) fn filled(&self, keyword: &str) -> Vec<Instruction> {
        let mut variables = Variables::default();
        let mut filled = Vec::new();
        for own in self.instructions.iter().chain(&self.put_off) {
            if own.keyword == keyword {
                filled.push(Instruction {
                    rest: variables.fill_in(&own.rest),
                    ..own.clone()
                });
            }
            if matches!(own.keyword.as_str(), "ARG" | "ENV") {
                variables.set(&own.rest);
            }
        }
        filled
    }

    pub(super) fn stages(&self) -> Vec<Stage<'_>> {
        let is_from = |at: &usize| self.instructions[*at].keyword == "FROM";
        let starts: Vec<usize> = (0..self.instructions.len()).filter(is_from).collect();
        let defaults = self.arguments(starts.first().copied().unwrap_or_default());
        let ends = starts.iter().skip(1).copied().chain([self.instructions.len()]);
        let stage = |(start, end): (&usize, usize)| {
            let from = words(&self.instructions[*start].rest);
            let named = from.get(1).is_some_and(|word| word.eq_ignore_ascii_case("as"));
            Stage {
                base: defaults.fill_in(from.first().map_or("", String::as_str)),
                name: from
                    .get(2)
                    .filter(|_| named)
                    .map(|name| name.to_ascii_lowercase()),
                instructions: &self.instructions[start + 1..end],
            }
        };
        starts.iter().zip(ends).map(stage).collect()
    }

    /// The images that stages start from; neither `scratch` nor an earlier stage.
    pub(super) fn images(&self) -> Vec<String> {
        let mut names = HashSet::from(["scratch".to_owned()]);
        let mut images = Vec::new();
        for stage in self.stages() {
            if !names.contains(&stage.base.to_ascii_lowercase()) {
                images.push(stage.base);
            }
            names.extend(stage.name);
        }
        images
    }

    /// The user the image runs as; `None` leaves it to the base image.
    pub(super) fn user(&self) -> Option<String> {
        let stages = self.stages();
        let user = |stage: &&Stage<'_>| {
            let user = stage.instructions.iter().rfind(|own| own.keyword == "USER")?;
            Some(user.rest.trim().to_owned())
        };
        line_of_descent(&stages).iter().find_map(user)
    }

    /// The image that the last stage starts from in the end.
    pub(super) fn final_image(&self) -> Option<String> {
        let stages = self.stages();
        line_of_descent(&stages).last().map(|stage| stage.base.clone())
    }

    /// The defaults of the arguments that stand before the first stage.
    fn arguments(&self, end: usize) -> Variables {
        let mut variables = Variables::default();
        let before = self.instructions[..end].iter().filter(|own| own.keyword == "ARG");
        before.for_each(|own| variables.set(&own.rest));
        variables
    }
}

/// The last stage, the one it starts from, and so on back to an image.
fn line_of_descent<'s, 'd>(stages: &'s [Stage<'d>]) -> Vec<&'s Stage<'d>> {
    let mut line = Vec::new();
    let mut next = stages.len().checked_sub(1);
    while let Some(at) = next {
        let base = stages[at].base.to_ascii_lowercase();
        line.push(&stages[at]);
        next = stages[..at]
            .iter()
            .rposition(|earlier| earlier.name.as_ref() == Some(&base));
    }
    line
}

impl Instruction {
    fn parse(line: &str) -> Self {
        let line = line.trim();
        let (keyword, mut rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let mut flags = Vec::new();
        while rest.trim_start().starts_with("--") {
            let (flag, behind) = rest
                .trim_start()
                .split_once(char::is_whitespace)
                .unwrap_or((rest.trim_start(), ""));
            flags.push(flag.to_owned());
            rest = behind;
        }
        Instruction {
            keyword: keyword.to_ascii_uppercase(),
            flags,
            rest: rest.trim().to_owned(),
        }
    }

    /// The value of a flag, without its dashes.
    pub(super) fn flag(&self, name: &str) -> Option<&str> {
        let mut named = self
            .flags
            .iter()
            .filter_map(|flag| flag.strip_prefix("--")?.strip_prefix(name));
        named.find_map(|value| value.strip_prefix('='))
    }

    fn take_here_documents<'t>(&mut self, lines: &mut (impl Iterator<Item = &'t str> + Clone)) {
        if !matches!(self.keyword.as_str(), "RUN" | "COPY" | "ADD") {
            return;
        }
        let ends: Vec<String> = self.rest.split_whitespace().filter_map(here_document).collect();
        for end in ends {
            // Without its end it is no here-document, and what follows stays visible.
            let Some(count) = lines
                .clone()
                .take(MAX_HERE_DOCUMENT_LINES)
                .position(|line| line.trim_start_matches('\t') == end)
            else {
                return;
            };
            for line in lines.by_ref().take(count + 1) {
                self.rest.push('\n');
                self.rest.push_str(line);
            }
        }
    }
}

/// `# name=value` before anything else.
fn directive(line: &str) -> Option<(String, String)> {
    let (name, value) = line.trim().strip_prefix('#')?.split_once('=')?;
    let name = name.trim().to_ascii_lowercase();
    // Anything else is a comment, and ends the part where directives may stand.
    let known = matches!(name.as_str(), "syntax" | "escape" | "check");
    known.then(|| (name, value.trim().to_owned()))
}

/// The next line that holds an instruction, with those it continues on.
fn next_line<'t>(lines: &mut impl Iterator<Item = &'t str>, escape: char) -> Option<String> {
    let skipped = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let mut joined = lines.find(|line| !skipped(line))?.to_owned();
    while let Some(open) = joined.trim_end().strip_suffix(escape) {
        joined.truncate(open.len());
        match lines.find(|line| !skipped(line)) {
            Some(line) => joined.push_str(line),
            None => break,
        }
    }
    Some(joined)
}

/// The line that ends the here-document a word opens.
fn here_document(word: &str) -> Option<String> {
    let word = word
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .strip_prefix("<<")?;
    let end = word.strip_prefix('-').unwrap_or(word).trim_matches(['"', '\'']);
    (!end.is_empty() && !end.contains('<')).then(|| end.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rests(text: &str) -> Vec<String> {
        Dockerfile::parse(text)
            .instructions
            .into_iter()
            .map(|own| format!("{}|{}", own.keyword, own.rest))
            .collect()
    }

    #[test]
    fn instructions_are_read_over_lines_and_comments() {
        let text = "# syntax=docker/dockerfile:1\n# escape=`\n# x\nfrom debian:13 AS a\nRUN one `\n  # between\n\n  two\n#c\nUSER ada";
        assert_eq!(rests(text), ["FROM|debian:13 AS a", "RUN|one   two", "USER|ada"]);
        assert_eq!(
            Dockerfile::parse(text).frontend.as_deref(),
            Some("docker/dockerfile:1")
        );
        assert_eq!(rests("RUN a \\\n"), ["RUN|a"]);
        assert_eq!(rests("RUN a \\\r\n  b\r\nUSER x\r\n"), ["RUN|a   b", "USER|x"]);
    }

    #[test]
    fn a_here_document_belongs_to_its_instruction_and_hides_nothing() {
        assert_eq!(
            rests("RUN <<EOF\nUSER x\nEOF\nUSER y"),
            ["RUN|<<EOF\nUSER x\nEOF", "USER|y"]
        );
        assert_eq!(
            rests("RUN <<-'E' cat\n\tx\n\tE\nUSER y"),
            ["RUN|<<-'E' cat\n\tx\n\tE", "USER|y"]
        );
        assert_eq!(rests("RUN <<EOF\nUSER x"), ["RUN|<<EOF", "USER|x"]);
        assert_eq!(
            rests("RUN cat <<<EOF\nUSER x\nEOF"),
            ["RUN|cat <<<EOF", "USER|x", "EOF|"]
        );
        assert_eq!(
            rests("LABEL a=<<EOF\nUSER x\nEOF"),
            ["LABEL|a=<<EOF", "USER|x", "EOF|"]
        );
    }

    #[test]
    fn flags_are_set_apart() {
        let file = Dockerfile::parse("COPY --from=build --chown=1:1 /a /b\nRUN --network=none");
        assert_eq!(file.instructions[0].flag("from"), Some("build"));
        assert_eq!(file.instructions[0].rest, "/a /b");
        assert_eq!(file.instructions[1].flag("network"), Some("none"));
        assert_eq!(file.instructions[1].flag("net"), None);
    }

    #[test]
    fn bases_are_filled_in_and_stages_are_no_images() {
        let file = "ARG V=13\nARG R\nFROM debian:${V} AS Base\nFROM base AS x\nFROM ${R:-docker.io}/node:$V\nFROM scratch\n";
        assert_eq!(
            Dockerfile::parse(file).images(),
            ["debian:13", "docker.io/node:13"]
        );
        assert_eq!(Dockerfile::parse("FROM a$X\n").images(), ["a$X"]);
    }

    #[test]
    fn the_user_is_that_of_the_last_stage_and_those_it_starts_from() {
        let user = |text: &str| Dockerfile::parse(text).user();
        assert_eq!(
            user("FROM a\nUSER root\nRUN x\nUSER ada\n").as_deref(),
            Some("ada")
        );
        assert_eq!(user("FROM a AS b\nUSER ada\nFROM b\n").as_deref(), Some("ada"));
        assert_eq!(user("FROM a AS b\nUSER ada\nFROM c\n"), None);
        assert_eq!(user("FROM a AS a\n"), None);
        assert_eq!(user(""), None);
    }

    #[test]
    fn what_is_put_off_is_read_too() {
        let file = Dockerfile::parse("FROM a\nONBUILD RUN <<E\nx\nE\nONBUILD USER root\nUSER ada\n");
        let runs: Vec<&str> = file.all("RUN").map(|own| own.rest.as_str()).collect();
        assert_eq!(runs, ["<<E\nx\nE"]);
        assert_eq!(file.user().as_deref(), Some("ada"));
    }

    #[test]
    fn the_last_stage_is_followed_to_its_image() {
        let image = |text: &str| Dockerfile::parse(text).final_image();
        assert_eq!(image("FROM a:1 AS b\nFROM c:1\nFROM B\n").as_deref(), Some("a:1"));
        assert_eq!(image("FROM a AS a\n").as_deref(), Some("a"));
        assert_eq!(image("RUN x\n"), None);
    }
}
