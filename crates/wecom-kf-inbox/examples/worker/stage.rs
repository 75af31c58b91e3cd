//! The scene without an account: a simulator, two workers, customers who keep writing, and the kill of a worker.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use wecom_kf_inbox::Report;
use wecom_kf_inbox::wecom_kf::reqwest;
use wecom_kf_sim::{Simulator, op};

/// There are several customers, since each may be sent only five messages after their last one, and many questions wait
/// for the new reader.
const CUSTOMERS: [&str; 3] = ["小王", "小李", "小赵"];
const QUESTIONS: usize = 12;
/// Nobody handles the messages of a killed worker until its lease has ended and the other one has noticed that it is gone,
/// which takes up to 20 s. A busy machine needs more.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn play() -> Result<(), Report> {
    // The workers have no callback. So they poll more often than WeCom allows, to be quick.
    let sim = Simulator::builder().disable_assumption("tokenless_reads_are_limited")?.start().await?;
    println!("No WECOM_CORP_ID in the environment: playing on a simulator at {}.\n", sim.base_url());
    let (says_it_reads, mut reader) = watch::channel(None);
    let (says_where, urls) = watch::channel(Vec::new());
    let mut workers =
        [start_worker(&sim, &says_it_reads, &says_where)?, start_worker(&sim, &says_it_reads, &says_where)?];
    let pid = timeout(PATIENCE, reader.wait_for(Option::is_some)).await??.unwrap_or_default();
    wait_until_ready(urls, workers.len()).await?;

    for number in 1..=QUESTIONS {
        sim.customer(CUSTOMERS[number % CUSTOMERS.len()]).says(&format!("第 {number} 问"));
        if number == QUESTIONS / 2 {
            let killed = workers.iter_mut().find(|worker| worker.id() == Some(pid)).ok_or("the reader has ended")?;
            killed.kill().await?;
            println!("            (worker {pid} is killed)");
        }
        sleep(Duration::from_millis(300)).await;
    }
    timeout(PATIENCE, reader.wait_for(|reader| *reader != Some(pid))).await??;
    let heard = hear_all(&sim).await?;
    for worker in &mut workers {
        let _ = worker.kill().await;
    }
    println!("\n{QUESTIONS} questions, {heard} answers, {} access token fetched.", sim.calls(op::GETTOKEN));
    println!("What Redis keeps of it begins with wecom-kf:{{{}", sim.base_url().trim_start_matches("http://"));
    Ok(())
}

/// Waits until all workers are ready, as Kubernetes does: the one that reads, and the one that stands by.
async fn wait_until_ready(mut urls: watch::Receiver<Vec<String>>, workers: usize) -> Result<(), Report> {
    let urls = timeout(PATIENCE, urls.wait_for(|urls| urls.len() == workers)).await??.clone();
    let http = reqwest::Client::builder().no_proxy().build()?;
    for url in urls {
        let ready = async {
            loop {
                let answer = http.get(&url).send().await?;
                if answer.status().is_success() {
                    return answer.text().await;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        println!("            {}", timeout(PATIENCE, ready).await??);
    }
    Ok(())
}

/// Starts this program once more as a worker, and prints its output.
fn start_worker(
    sim: &Simulator,
    says_it_reads: &watch::Sender<Option<u32>>,
    says_where: &watch::Sender<Vec<String>>,
) -> Result<Child, Report> {
    let mut command = Command::new(std::env::current_exe()?);
    // The worker polls often, since the simulator has no limit here. The simulator is on this machine, so a proxy in
    // the environment must not be used.
    command.arg("0.1").envs(sim.vars()).env("NO_PROXY", "127.0.0.1").stdout(Stdio::piped()).kill_on_drop(true);
    let mut worker = command.spawn()?;
    let (pid, says_it_reads, says_where) = (worker.id(), says_it_reads.clone(), says_where.clone());
    let mut lines = BufReader::new(worker.stdout.take().ok_or("no output")?).lines();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            println!("{line}");
            if line.contains("  reads  ") {
                says_it_reads.send_replace(pid);
            }
            if let Some((_, url)) = line.split_once("  health at ") {
                says_where.send_modify(|urls| urls.push(url.to_owned()));
            }
        }
    });
    Ok(worker)
}

/// Waits until all questions are answered. Returns the number of answers.
async fn hear_all(sim: &Simulator) -> Result<usize, Report> {
    let heard = || CUSTOMERS.map(|name| sim.customer(name).heard());
    let all = async {
        while heard().iter().map(Vec::len).sum::<usize>() < QUESTIONS {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, all).await?;
    for (name, heard) in CUSTOMERS.iter().zip(heard()) {
        for answer in heard {
            println!("  {name} hears  {}", answer.text().unwrap_or_default());
        }
    }
    Ok(heard().iter().map(Vec::len).sum())
}
