//! A proposal and what it is judged against.

use supervise_core::{Auth, AuthScheme, Context, Past, Proposal, Risk, Route, Routes, Tool, assess};

#[derive(Debug, Clone)]
pub(crate) struct Case {
    tool: Tool,
    payload: String,
    justification: String,
    routes: String,
    dockerfile: Option<&'static str>,
    refused: Vec<String>,
    known: Vec<String>,
    past: Past,
}

impl Case {
    /// A route as the tool would send it.
    pub(crate) fn ask(host: &str, paths: &[&str]) -> Self {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Case::raw(&Route::new(host, paths, None).unwrap().to_payload())
    }

    pub(crate) fn ask_with_auth(host: &str, paths: &[&str]) -> Self {
        let auth = Auth {
            scheme: AuthScheme::Bearer,
            token_ref: "API_TOKEN".into(),
        };
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Case::raw(&Route::new(host, paths, Some(auth)).unwrap().to_payload())
    }

    /// A route as any program might have written it.
    pub(crate) fn raw(payload: &str) -> Self {
        Case::of(Tool::EgressAllow, payload)
    }

    pub(crate) fn payload(&self) -> &str {
        &self.payload
    }

    pub(crate) fn host(host: &str) -> Self {
        Case::raw(&serde_json::json!({ "host": host, "path_allowlist": ["/x/"] }).to_string())
    }

    pub(crate) fn dockerfile(live: &'static str, proposed: &str) -> Self {
        Case {
            dockerfile: Some(live),
            ..Case::of(Tool::CapabilityBlock, proposed)
        }
    }

    pub(crate) fn of(tool: Tool, payload: &str) -> Self {
        Case {
            tool,
            payload: payload.to_owned(),
            justification: "needed".into(),
            routes: String::new(),
            dockerfile: None,
            refused: Vec::new(),
            known: Vec::new(),
            past: Past::Known,
        }
    }

    pub(crate) fn because(self, justification: &str) -> Self {
        Case {
            justification: justification.to_owned(),
            ..self
        }
    }

    /// With these live routes, each in braces.
    pub(crate) fn live(self, routes: &[&str]) -> Self {
        Case {
            routes: format!("routes: [{}]\n", routes.join(", ")),
            ..self
        }
    }

    pub(crate) fn allowed(self, hosts: &[&str]) -> Self {
        let routes: Vec<String> = hosts.iter().map(|host| format!("{{host: {host}}}")).collect();
        self.live(&routes.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub(crate) fn refused(self, host: &str) -> Self {
        Case {
            refused: vec![host.to_owned()],
            ..self
        }
    }

    pub(crate) fn known(self, token_ref: &str) -> Self {
        Case {
            known: vec![token_ref.to_owned()],
            ..self
        }
    }

    /// With a past that was not looked up.
    pub(crate) fn past_unknown(self) -> Self {
        Case {
            past: Past::Unknown,
            ..self
        }
    }

    pub(crate) fn risks(&self) -> Vec<Risk> {
        let routes = Routes::parse(&self.routes).unwrap();
        let context = Context {
            routes: Some(&routes),
            dockerfile: self.dockerfile,
            refused_hosts: &self.refused,
            known_token_refs: &self.known,
            past: self.past,
        };
        let slug = "dev".parse().unwrap();
        assess(
            &Proposal::new(&slug, self.tool, &*self.payload, &*self.justification),
            &context,
        )
    }

    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.risks().iter().map(|risk| risk.code).collect()
    }
}
