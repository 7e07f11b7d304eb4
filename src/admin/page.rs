//! The status page: one file, whose numbers are there before any script runs.

use std::fmt::Write;

use super::stats::Stats;
use super::{About, View};

impl View {
    /// The page, with the path at which its script finds newer numbers.
    pub fn page(&self, stats_path: &str) -> String {
        let stats = self.stats();
        let mut page = String::with_capacity(2 * TEMPLATE.len());
        let mut rest = TEMPLATE;
        while let Some((before, (name, after))) =
            rest.split_once("{{").and_then(|(before, after)| Some((before, after.split_once("}}")?)))
        {
            page.push_str(before);
            put(&mut page, name, &self.about, &stats, stats_path);
            rest = after;
        }
        page + rest
    }
}

/// Puts what a name in the template stands for.
fn put(page: &mut String, name: &str, about: &About, stats: &Stats, stats_path: &str) {
    match name {
        "version" => page.push_str(stats.version),
        "stats" => page.push_str(&escaped(stats_path)),
        "urls" => about.announce_urls.iter().for_each(|url| {
            let url = escaped(url);
            put_line(
                page,
                format_args!(
                    "<li><input readonly value=\"{url}\" aria-label=\"Announce URL\"><button hidden>Copy</button></li>"
                ),
            );
        }),
        "policy" => about.policy.iter().for_each(|(what, value)| {
            put_line(page, format_args!("<tr><th scope=\"row\">{what}</th><td>{}</td></tr>", escaped(value)));
        }),
        "contact" => put_contact(page, &about.contact),
        number => page.push_str(&escaped(stats.shown.get(number).map_or("", String::as_str))),
    }
}

/// A link, where it is one.
fn put_contact(page: &mut String, contact: &str) {
    let text = escaped(contact);
    let link = ["https://", "http://", "mailto:"].iter().any(|scheme| contact.starts_with(scheme));
    match contact {
        "" => {}
        _ if link => put_line(page, format_args!("Contact: <a href=\"{text}\" rel=\"noreferrer\">{text}</a>")),
        _ => put_line(page, format_args!("Contact: {text}")),
    }
}

fn put_line(page: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(page, "{line}").expect("a text takes whatever is written");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const TEMPLATE: &str = include_str!("page.html");

/// Nothing but the page's own style and script, known by their hashes, and its own numbers. A test has a browser load the page, which
/// refuses either once it differs.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; connect-src 'self'; img-src data:; \
     style-src 'sha256-O27gbacdU/UUhBfMx1oxUv/Un1aLg+nrCcyy1ADadh8='; \
     script-src 'sha256-Y6Ed2GHPpV88usx6CXyp+9p9ipeXJgad7M2vFRUsUFw='; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
