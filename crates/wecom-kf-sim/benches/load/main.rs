//! Measures what a call costs the simulator, how much memory a full journal takes, and how many calls it serves.
//!
//! `cargo bench -p wecom-kf-sim --bench load` starts the simulator as a process of its own and calls it from this process.
//! It prints the CPU time of the simulator's process per call, next to that of a static file within the same run: machines
//! are noisy, so compare the ratios. The program `wecom-kf-sim` also prints a line for each call, which is not measured here.
//!
//! `cargo bench -p wecom-kf-sim --bench load -- instructions` counts the simulator's instructions per call with valgrind,
//! which is reproducible to about one percent on a busy machine. Time in the kernel is not counted. To see where the
//! instructions go, add a folder for callgrind's files and look at the inclusive costs:
//!
//! ```text
//! cargo bench -p wecom-kf-sim --bench load -- instructions /tmp/load
//! callgrind_annotate --inclusive=yes '/tmp/load/send_msg.out' | head -80
//! ```
//!
//! Ratios to a static file, which took 9 to 18 µs on two cores that others used too. The older figures are from before replies
//! were written once and masking stopped searching for every token. The state counts as watched for a minute after a look.
//!
//! ```text
//!                                                older    now
//! gettoken                                         2.0    1.2
//! account/list                                     1.8    1.4
//! service_state/get                                2.1    1.7
//! send_msg                                         2.3    2.1
//! send_msg, the state was looked at                4.4    3.1
//! send_msg, 3,200 tokens in the other corp        10.0    2.2
//! sync_msg, page of 100                           49      5
//! sync_msg, page of 100, 3,200 tokens            271      5
//! resident memory with a full journal         457 MB  84 MB
//! ```
#![allow(clippy::unwrap_used, reason = "a bench may panic")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

mod client;
mod figures;
mod process;
mod serve;

use std::path::Path;
use std::time::{Duration, Instant};

use client::Client;
use figures::{FIGURES, Figure, Scene};
use process::{Process, cpu_of, instructions_of};

/// The clients of most figures: each is a thread with a connection.
const CLIENTS: usize = 4;
/// Each figure is measured this many times; the median counts.
const ROUNDS: usize = 5;
const STATIC_FILE: &str = "static_file";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", ref flags @ ..] => serve::serve(flags),
        ["instructions", ref folder @ ..] => print_instructions(folder.first().map(Path::new)),
        [] => {
            print_cpu();
            print_memory();
            print_calls_per_second();
        }
        _ => println!("there are no such arguments: {arguments:?}"),
    }
}

/// Prints the CPU time of the simulator per call of each figure.
fn print_cpu() {
    println!("{:<46} {:>10} {:>14} {:>8}", "CPU of the simulator per call", "µs", "static file µs", "ratio");
    for figure in FIGURES {
        let mut scene = Scene::new(Process::start(figure.flags), figure.messages);
        (figure.before)(&mut scene);
        let mut rounds: Vec<_> = (0..ROUNDS)
            .map(|round| {
                let requests = scene.requests(figure, round);
                let floor = scene.static_files(figure.calls);
                (cpu_per_call(&scene, &requests, figure.clients), cpu_per_call(&scene, &floor, figure.clients))
            })
            .collect();
        rounds.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
        let (cost, floor) = rounds[ROUNDS / 2];
        println!("{:<46} {cost:>10.1} {floor:>14.1} {:>8.2}", figure.title, cost / floor);
    }
}

/// Calls everything once, and returns the microseconds of CPU that the simulator took per call.
fn cpu_per_call(scene: &Scene, requests: &[Vec<u8>], clients: usize) -> f64 {
    let mut connections: Vec<_> = (0..clients).map(|_| Client::connect(&scene.process.address())).collect();
    let before = cpu_of(scene.process.id());
    std::thread::scope(|scope| {
        for (number, client) in connections.iter_mut().enumerate() {
            scope.spawn(move || {
                for call in requests.iter().skip(number).step_by(clients) {
                    client.call(call);
                }
            });
        }
    });
    (cpu_of(scene.process.id()) - before).as_secs_f64() * 1e6 / requests.len() as f64
}

/// Prints the resident memory of a simulator whose journal is full of pages with 100 messages.
fn print_memory() {
    const MESSAGES: usize = 10_000;
    // More pages than the 64 MiB of the journal hold.
    const PAGES: usize = 4_000;
    let page = FIGURES.iter().find(|figure| figure.name == "sync_msg").unwrap();
    let mut scene = Scene::new(Process::start(page.flags), MESSAGES);
    let few = scene.process.resident_mb();
    let requests = scene.requests(page, 0);
    let mut client = Client::connect(&scene.process.address());
    for call in requests.iter().cycle().take(PAGES) {
        client.call(call);
    }
    let full = scene.process.resident_mb();
    println!(
        "\nresident memory with {MESSAGES} messages: {few:.0} MB after they were read once, {full:.0} MB with a full journal"
    );
}

/// Prints how many small calls are served in a second, and what two cores could do that nobody else uses.
fn print_calls_per_second() {
    const LASTS: Duration = Duration::from_secs(5);
    const CLIENTS: usize = 8;
    let mut scene = Scene::new(Process::start(&[]), 0);
    let small = ["gettoken", "account_list", "service_state_get"];
    let small = FIGURES.iter().filter(|figure| small.contains(&figure.name));
    let small: Vec<_> = small.flat_map(|figure| scene.requests(figure, 0).into_iter().take(1)).collect();
    let address = scene.process.address();
    let me = std::process::id();
    let (started, before) = (Instant::now(), [me, scene.process.id()].map(cpu_of));
    let calls: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(&address);
                    small
                        .iter()
                        .cycle()
                        .take_while(|_| started.elapsed() < LASTS)
                        .map(|call| client.call(call).len())
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // Threads that ended are no longer counted for this process, so the whole is what two busy cores gave.
    let (whole, simulator) = (started.elapsed().as_secs_f64(), (cpu_of(scene.process.id()) - before[1]).as_secs_f64());
    println!(
        "\n{CLIENTS} clients: {:.0} small calls per second; the simulator took {:.1} µs of CPU per call, {:.0} % of a core",
        calls as f64 / whole,
        simulator * 1e6 / calls as f64,
        100.0 * simulator / whole,
    );
}

/// Prints the instructions of the simulator per call of each figure.
fn print_instructions(folder: Option<&Path>) {
    println!("{:<46} {:>14} {:>8}", "instructions of the simulator per call", "instructions", "ratio");
    let mut floor = None;
    for figure in [&figures::STATIC].into_iter().chain(FIGURES) {
        let Some(counted) = instructions_per_call(figure, folder) else {
            return println!("valgrind is not installed");
        };
        let floor = *floor.get_or_insert(counted);
        println!("{:<46} {counted:>14} {:>8.2}", figure.title, counted as f64 / floor as f64);
    }
}

/// The difference between a run with many calls and one with few.
fn instructions_per_call(figure: &Figure, folder: Option<&Path>) -> Option<u64> {
    const FEW: usize = 40;
    const MANY: usize = 240;
    let file = folder.map(|folder| folder.join(format!("{}.out", figure.name)));
    let total = |calls: usize| {
        let process = Process::start_under_valgrind(figure.flags, file.as_deref())?;
        let mut scene = Scene::new(process, figure.messages.min(5_000));
        (figure.before)(&mut scene);
        let requests = scene.requests(figure, 0);
        let mut client = Client::connect(&scene.process.address());
        for call in requests.iter().cycle().take(calls) {
            client.call(call);
        }
        drop(client);
        Some(instructions_of(scene.process))
    };
    Some((total(MANY)? - total(FEW)?) / (MANY - FEW) as u64)
}
