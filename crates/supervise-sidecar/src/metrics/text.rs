//! The numbers in Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

use supervise_store::Usage;

use super::Metrics;
use super::cells::Histogram;

impl Metrics {
    /// Everything that is counted; `usage` is how full the queue is, unless the store doesn't answer.
    pub(crate) fn render(&self, usage: Option<Usage>) -> String {
        let mut page = Page::default();
        self.render_server(&mut page);
        render_store(&mut page, usage);
        self.render_calls(&mut page);
        self.render_troubles(&mut page);
        page.0
    }

    fn render_server(&self, page: &mut Page) {
        let version = env!("CARGO_PKG_VERSION");
        page.family(
            "supervise_build_info",
            "gauge",
            "The program that answers; always 1.",
        );
        page.labelled("supervise_build_info", "version", version, 1);
        page.gauge(
            "supervise_connections",
            "Open connections of agents.",
            self.connections.value(),
        );
        page.counter(
            "supervise_connections_total",
            "Connections of agents so far.",
            self.connected.value(),
        );
        page.counter(
            "supervise_connections_evicted_total",
            "Connections closed to make room for another.",
            self.evicted.value(),
        );
    }

    fn render_calls(&self, page: &mut Page) {
        page.gauge(
            "supervise_held_calls",
            "Calls that wait for a decision.",
            self.held.value(),
        );
        page.counter(
            "supervise_opened_total",
            "Calls that queued a proposal.",
            self.opened.value(),
        );
        page.counter(
            "supervise_joined_total",
            "Calls that joined a pending proposal.",
            self.joined.value(),
        );
        page.family(
            "supervise_decided_total",
            "counter",
            "Calls that were given a decision.",
        );
        let decided = &self.decided;
        for (status, counter) in [
            ("approved", &decided.approved),
            ("modified", &decided.modified),
            ("rejected", &decided.rejected),
        ] {
            page.labelled("supervise_decided_total", "status", status, counter.value());
        }
        page.counter(
            "supervise_withdrawn_total",
            "Proposals the agent withdrew by its tool.",
            self.withdrawn.value(),
        );
        page.counter(
            "supervise_timed_out_total",
            "Calls answered as pending: nobody decided in time.",
            self.timed_out.value(),
        );
        page.counter(
            "supervise_left_total",
            "Calls whose caller left while they were held.",
            self.left.value(),
        );
        page.histogram(
            "supervise_hold_seconds",
            "How long calls were held.",
            &self.hold_seconds,
        );
        page.histogram(
            "supervise_answer_seconds",
            "From noticing a decision to the last byte of its answer in the socket.",
            &self.answer_seconds,
        );
    }

    fn render_troubles(&self, page: &mut Page) {
        page.family(
            "supervise_refused_total",
            "counter",
            "What was refused because a limit was reached.",
        );
        let refused = &self.refused;
        for (limit, counter) in [
            ("pending", &refused.pending),
            ("per_minute", &refused.per_minute),
            ("queue_bytes", &refused.queue_bytes),
            ("connections", &refused.connections),
            ("lookups", &refused.lookups),
        ] {
            page.labelled("supervise_refused_total", "limit", limit, counter.value());
        }
        page.family(
            "supervise_rejected_heads_total",
            "counter",
            "Requests that got no further than their head.",
        );
        let rejected = &self.rejected;
        for (reason, counter) in [
            ("malformed", &rejected.malformed),
            ("slow", &rejected.slow),
            ("host", &rejected.host),
            ("origin", &rejected.origin),
            ("method", &rejected.method),
        ] {
            page.labelled(
                "supervise_rejected_heads_total",
                "reason",
                reason,
                counter.value(),
            );
        }
        page.counter(
            "supervise_internal_errors_total",
            "Requests answered with an internal error.",
            self.internal_errors.value(),
        );
        page.counter(
            "supervise_panics_total",
            "Mistakes in the program that were contained.",
            self.panics.value(),
        );
    }
}

fn render_store(page: &mut Page, usage: Option<Usage>) {
    page.gauge(
        "supervise_store_up",
        "Whether the store answers.",
        u64::from(usage.is_some()),
    );
    if let Some(usage) = usage {
        page.gauge(
            "supervise_queued_proposals",
            "Agents' proposals that wait for the operator.",
            usage.pending,
        );
        page.gauge(
            "supervise_queue_bytes",
            "Bytes in use in the queue's database.",
            usage.bytes,
        );
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String can't fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "gauge", help);
        self.line(format_args!("{name} {value}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.line(format_args!("{name} {value}"));
    }

    /// The labels are words of ours, so there is nothing to escape.
    fn labelled(&mut self, name: &str, label: &str, word: &str, value: u64) {
        self.line(format_args!("{name}{{{label}=\"{word}\"}} {value}"));
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        let mut count = 0;
        for (bound, within) in histogram.cumulative() {
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            self.labelled(&format!("{name}_bucket"), "le", &bound, within);
            count = within;
        }
        self.line(format_args!("{name}_sum {}", histogram.sum()));
        self.line(format_args!("{name}_count {count}"));
    }
}
