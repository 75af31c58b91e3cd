//! Two workers without an account: a simulator of the platform, customers who keep writing, and a killing.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use wecom_kf_inbox::Report;
use wecom_kf_sim::{Simulator, op};

/// Each customer may be sent five messages after their last one, so the questions that wait for the new reader are not
/// all of one.
const CUSTOMERS: [&str; 3] = ["小王", "小李", "小赵"];
const QUESTIONS: usize = 12;
/// A worker that is killed leaves its messages alone until its lease is over.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) async fn play() -> Result<(), Report> {
    // The workers have no callback, so they poll more often than WeCom takes it, to be quick.
    let sim = Simulator::builder().doubt("tokenless_reads_are_limited")?.start().await?;
    println!("No WECOM_CORP_ID in the environment: playing on a simulator at {}.\n", sim.base_url());
    let (says_it_reads, mut reader) = watch::channel(None);
    let mut workers = [start_worker(&sim, &says_it_reads)?, start_worker(&sim, &says_it_reads)?];
    let pid = timeout(PATIENCE, reader.wait_for(Option::is_some)).await??.unwrap_or_default();

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

/// This program once more, as a worker. Prints what it prints.
fn start_worker(sim: &Simulator, says_it_reads: &watch::Sender<Option<u32>>) -> Result<Child, Report> {
    let mut command = Command::new(std::env::current_exe()?);
    // It polls often, since nobody is angry about that here; and the simulator is on this machine, whatever proxy the
    // environment names.
    command.arg("0.1").envs(sim.vars()).env("NO_PROXY", "127.0.0.1").stdout(Stdio::piped()).kill_on_drop(true);
    let mut worker = command.spawn()?;
    let (pid, says_it_reads) = (worker.id(), says_it_reads.clone());
    let mut lines = BufReader::new(worker.stdout.take().ok_or("no output")?).lines();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            println!("{line}");
            if line.contains("  reads  ") {
                says_it_reads.send_replace(pid);
            }
        }
    });
    Ok(worker)
}

/// Waits until all questions are answered. Gives how many answers there were.
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
