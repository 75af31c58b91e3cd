//! Runs what stands in the pages of `docs`. Rust there is compiled and run as doc tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A fenced block: what stands behind the fence, and the text.
type Block = (String, String);

fn blocks(page: &str) -> Vec<Block> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page)).unwrap();
    let mut fences = text.split("```");
    fences.next();
    let mut blocks = Vec::new();
    while let (Some(block), Some(_)) = (fences.next(), fences.next()) {
        let (head, body) = block.split_once('\n').unwrap();
        blocks.push((head.to_owned(), body.to_owned()));
    }
    blocks
}

fn of_kind(page: &str, kind: &str) -> Vec<String> {
    blocks(page).into_iter().filter(|(head, _)| head == kind).map(|(_, body)| body).collect()
}

/// A folder of its own for a page.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn shell(folder: &Path, script: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_wecom-kf-sim")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .env("PATH", path)
        .env("WECOM_KF_LANG", "en")
        .env("NO_COLOR", "1")
        .current_dir(folder)
        .output()
        .unwrap();
    let shown = || {
        format!("{script}\n{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    assert!(output.status.success(), "{}", shown());
    output
}

#[test]
fn the_shell_snippets_run() {
    let mut run = 0;
    for page in ["first-steps.md", "faults.md", "../README.zh-CN.md"] {
        for script in of_kind(page, "sh") {
            let output = shell(&folder("docs-shell"), &script);
            let stdout = String::from_utf8(output.stdout).unwrap();
            assert!(stdout.contains('{') && !stdout.contains("\"error\""), "{stdout}");
            run += 1;
        }
    }
    assert_eq!(run, 4);
}

#[test]
fn the_files_are_taken() {
    let mut taken = 0;
    for page in ["first-steps.md", "faults.md"] {
        for (number, text) in of_kind(page, "toml").into_iter().enumerate() {
            let file = folder("docs-files").join(format!("{page}-{number}.toml"));
            fs::write(&file, text).unwrap();
            shell(&folder("docs-files"), &format!("wecom-kf-sim --config {} run -- true", file.display()));
            taken += 1;
        }
    }
    assert_eq!(taken, 3);
}

#[test]
fn the_flags_of_image_and_compose_file_are_taken() {
    let read = |name| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let compose: Value = yaml_serde::from_str(&read("compose.yaml")).unwrap();
    let command = compose["services"]["sim"]["command"].as_array().unwrap().iter().filter_map(Value::as_str);
    let image = read("Dockerfile");
    let entry: Vec<String> = serde_json::from_str(image.split("ENTRYPOINT ").nth(1).unwrap().trim()).unwrap();
    let mut words: Vec<_> = entry.iter().map(String::as_str).chain(command).collect();
    // The port may be taken here.
    let port = words.iter().position(|word| *word == "9500").unwrap();
    words[port] = "0";
    let output =
        shell(&folder("docs-compose"), &format!("{} run -- sh -c 'echo $WECOM_KF_BASE_URL; env'", words.join(" ")));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with("http://sim:9500\n"), "{printed}");
    // The bot is told the same as what `run` would set.
    for (name, value) in compose["services"]["bot"]["environment"].as_object().unwrap() {
        assert!(printed.lines().any(|line| line == format!("{name}={}", value.as_str().unwrap())), "{name}: {printed}");
    }
}

#[test]
fn the_recipe_for_ci_runs() {
    let folder = folder("docs-ci");
    for (head, body) in blocks("ci.md") {
        if let Some((_, name)) = head.split_once(' ') {
            fs::write(folder.join(name), body).unwrap();
        }
    }
    shell(&folder, "chmod +x test-bot.sh");
    let recipe: Value = yaml_serde::from_str(&of_kind("ci.md", "yaml")[0]).unwrap();
    let steps = recipe["jobs"]["test"]["steps"].as_array().unwrap();
    let steps: Vec<_> =
        steps.iter().filter_map(|step| step["run"].as_str()).filter(|run| !run.starts_with("cargo install")).collect();
    assert_eq!(steps.len(), 1);
    let output = shell(&folder, steps[0]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("nothing found in 1 calls"));
    // A bot that fetches a token twice makes the same step fail.
    let twice = fs::read_to_string(folder.join("test-bot.sh"))
        .unwrap()
        .replace("(curl", "(for _ in 1 2; do curl")
        .replace(">/dev/null) &", ">/dev/null; done) &");
    fs::write(folder.join("test-bot.sh"), twice).unwrap();
    shell(&folder, &format!("! {}", steps[0]));
}

#[test]
fn the_test_in_python_runs() {
    let scripts = of_kind("other-languages.md", "python");
    assert_eq!(scripts.len(), 1);
    let folder = folder("docs-python");
    fs::write(folder.join("test_bot.py"), &scripts[0]).unwrap();
    shell(&folder, "wecom-kf-sim --port 0 run --check -- python3 test_bot.py");
}

#[test]
fn the_scenario_runs_and_prints_its_transcripts() {
    let folder = folder("docs-scenarios");
    for (head, body) in blocks("scenarios.md") {
        if let Some((_, name)) = head.split_once(' ') {
            fs::write(folder.join(name), body).unwrap();
        }
    }
    let command = &of_kind("scenarios.md", "sh")[0];
    let [passed, failed] = &of_kind("scenarios.md", "text")[..] else { panic!("two transcripts") };
    // How long it took is the machine's.
    let timeless = |text: &str| {
        let lines = text.lines().map(|line| if line.starts_with("  ✓ ") { "  ✓" } else { line });
        lines.collect::<Vec<_>>().join("\n")
    };
    let printed = String::from_utf8(shell(&folder, command).stdout).unwrap();
    assert_eq!(timeless(&printed), timeless(passed));

    let other = fs::read_to_string(folder.join("bot.py")).unwrap().replace("9:00–18:00", "9:00–17:00");
    fs::write(folder.join("bot.py"), other).unwrap();
    let junit = command.replace("play ", "play --junit outcome.xml ");
    let printed = String::from_utf8(shell(&folder, &format!("! {junit}")).stdout).unwrap();
    assert!(printed.ends_with(failed), "{printed}");
    let outcome = fs::read_to_string(folder.join("outcome.xml")).unwrap();
    assert!(outcome.contains("failures=\"1\"") && outcome.contains("+ 9:00–17:00"), "{outcome}");
}

#[test]
fn every_finding_is_in_the_page_for_ci() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci.md")).unwrap();
    for name in wecom_kf_sim::FindingName::ALL {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}
