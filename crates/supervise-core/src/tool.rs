//! The tools a stored proposal can name, and the component each one changes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::field::{self, FieldError};

/// A tool that a stored proposal can name, whoever wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// An agent asks for a route through the egress proxy.
    EgressAllow,
    /// The older name of the same request.
    EgressBlock,
    /// An agent asks for another image.
    CapabilityBlock,
    /// Asks nothing; rows of other programs may name it.
    ListEgressRoutes,
    /// The secret scanner asks for an exception.
    GitleaksAllow,
    /// The data-loss filter asks to let a token out.
    EgressTokenAllow,
}

const WORDS: [(&str, Tool); 6] = [
    ("egress-allow", Tool::EgressAllow),
    ("egress-block", Tool::EgressBlock),
    ("capability-block", Tool::CapabilityBlock),
    ("list-egress-routes", Tool::ListEgressRoutes),
    ("gitleaks-allow", Tool::GitleaksAllow),
    ("egress-token-allow", Tool::EgressTokenAllow),
];

impl Tool {
    /// Every tool, in a stable order.
    pub const ALL: [Tool; 6] = [
        Tool::EgressAllow,
        Tool::EgressBlock,
        Tool::CapabilityBlock,
        Tool::ListEgressRoutes,
        Tool::GitleaksAllow,
        Tool::EgressTokenAllow,
    ];

    /// The tool of that name, or an error that lists the names.
    pub fn from_name(name: &str) -> Result<Tool, FieldError> {
        field::word(name.to_owned(), "tool", &WORDS)
    }

    /// The name on the wire and in the tables.
    pub fn name(self) -> &'static str {
        WORDS
            .iter()
            .find(|(_, tool)| *tool == self)
            .map_or("", |(name, _)| name)
    }

    /// What approving changes; `None` for a tool that changes nothing.
    pub fn component(self) -> Option<Component> {
        match self {
            Tool::EgressAllow | Tool::EgressBlock | Tool::EgressTokenAllow => Some(Component::Egress),
            Tool::CapabilityBlock => Some(Component::Capability),
            Tool::GitleaksAllow => Some(Component::Gitleaks),
            Tool::ListEgressRoutes => None,
        }
    }

    /// The file name that heads a diff of this tool's payload.
    pub fn diff_label(self) -> &'static str {
        match self {
            Tool::EgressAllow | Tool::EgressBlock => "routes.yaml",
            Tool::CapabilityBlock => "Dockerfile",
            other => other.name(),
        }
    }

    /// Whether the payload is a [`Route`](crate::Route).
    pub fn asks_route(self) -> bool {
        matches!(self, Tool::EgressAllow | Tool::EgressBlock)
    }

    /// Whether an agent may queue it over MCP. A daemon's tool never is.
    pub fn is_agents(self) -> bool {
        matches!(
            self,
            Tool::EgressAllow | Tool::EgressBlock | Tool::CapabilityBlock
        )
    }

    /// The names under which an identical payload is the same request.
    pub fn joins_with(self) -> &'static [Tool] {
        match self {
            Tool::EgressAllow | Tool::EgressBlock => &[Tool::EgressAllow, Tool::EgressBlock],
            Tool::CapabilityBlock => &[Tool::CapabilityBlock],
            Tool::ListEgressRoutes | Tool::GitleaksAllow | Tool::EgressTokenAllow => &[],
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The part of a bottle that a decision changes; audit entries are filed under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// The egress proxy's routes.
    Egress,
    /// The bottle's image.
    Capability,
    /// The secret scanner's exceptions.
    Gitleaks,
}

impl Component {
    /// The name in audit entries and log file names.
    pub fn name(self) -> &'static str {
        match self {
            Component::Egress => "egress",
            Component::Capability => "capability",
            Component::Gitleaks => "gitleaks",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_match_serde() {
        for tool in Tool::ALL {
            assert_eq!(Tool::from_name(tool.name()), Ok(tool));
            assert_eq!(serde_json::to_value(tool).unwrap(), tool.name());
        }
        assert!(
            Tool::from_name("Egress-Allow")
                .unwrap_err()
                .to_string()
                .contains("egress-allow, egress-block")
        );
    }

    #[test]
    fn components_and_labels_are_those_of_the_table() {
        let table = [
            (Tool::EgressAllow, Some("egress"), "routes.yaml"),
            (Tool::EgressBlock, Some("egress"), "routes.yaml"),
            (Tool::EgressTokenAllow, Some("egress"), "egress-token-allow"),
            (Tool::CapabilityBlock, Some("capability"), "Dockerfile"),
            (Tool::GitleaksAllow, Some("gitleaks"), "gitleaks-allow"),
            (Tool::ListEgressRoutes, None, "list-egress-routes"),
        ];
        for (tool, component, label) in table {
            assert_eq!(tool.component().map(Component::name), component, "{tool}");
            assert_eq!(tool.diff_label(), label);
        }
    }
}
