//! Writes outcomes as JUnit XML, which CI services show.

use std::path::Path;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// A test and its outcome.
pub(super) struct Case {
    /// What it belongs to, such as a file. Cases of one suite follow one another.
    pub(super) suite: String,
    pub(super) name: String,
    pub(super) took: Duration,
    pub(super) failure: Option<Failure>,
    pub(super) output: String,
}

pub(super) struct Failure {
    /// One line.
    pub(super) message: String,
    pub(super) detail: String,
}

/// Writes the file.
pub(super) fn write(file: &Path, name: &str, cases: &[Case]) -> Result<(), String> {
    let error = |why: String| format!("cannot write {}: {why}", file.display());
    let text = text(name, cases).map_err(error)?;
    std::fs::write(file, text).map_err(|cause| error(cause.to_string()))
}

fn text(name: &str, cases: &[Case]) -> Result<String, String> {
    let mut report = Report::new(name);
    for cases in cases.chunk_by(|one, other| one.suite == other.suite) {
        let mut suite = TestSuite::new(&*cases[0].suite);
        suite.set_time(cases.iter().map(|case| case.took).sum());
        suite.add_test_cases(cases.iter().map(test_case));
        report.add_test_suite(suite);
    }
    report.set_time(cases.iter().map(|case| case.took).sum());
    report.to_string().map_err(|error| error.to_string())
}

fn test_case(case: &Case) -> TestCase {
    let status = match &case.failure {
        None => TestCaseStatus::success(),
        Some(failure) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(&*failure.message).set_description(format!("{}\n{}", failure.message, failure.detail));
            status
        }
    };
    let mut test = TestCase::new(&*case.name, status);
    test.set_classname(&*case.suite).set_time(case.took);
    if !case.output.is_empty() {
        test.set_system_out(&*case.output);
    }
    test
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_a_suite_and_failures_are_escaped() {
        let case = |suite: &str, name: &str, failure| Case {
            suite: suite.to_owned(),
            name: name.to_owned(),
            took: Duration::from_millis(1500),
            failure,
            output: "小王: 你好".to_owned(),
        };
        let failure = Failure { message: "line 3: <a> & \"b\"".to_owned(), detail: "- x\u{1b}[31m\n+ y".to_owned() };
        let cases = [case("a.yaml", "one", None), case("a.yaml", "two", Some(failure)), case("b.yaml", "three", None)];
        let text = text("play", &cases).unwrap();
        assert!(text.contains(r#"<testsuites name="play" tests="3" skipped="0" failures="1" errors="0""#), "{text}");
        assert_eq!(text.matches("<testsuite ").count(), 2, "{text}");
        assert!(text.contains(r#"message="line 3: &lt;a&gt; &amp; &quot;b&quot;""#), "{text}");
        assert!(text.contains("小王: 你好") && text.contains("+ y") && !text.contains('\u{1b}'), "{text}");
    }
}
