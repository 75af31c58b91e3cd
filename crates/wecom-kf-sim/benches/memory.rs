//! Measures the memory that a million messages take, and what is left of it when they are old.
//!
//! `cargo bench -p wecom-kf-sim --bench memory`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may panic, and prints its figures")]

use std::time::Duration;

use peak_alloc::PeakAlloc;
use tokio::time::Instant;
use wecom_kf_sim::Simulator;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MESSAGES: usize = 1_000_000;
const CUSTOMERS: usize = 1_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::main]
async fn main() {
    let sim = Simulator::builder().seed(7).manual_clock().start().await.unwrap();
    let customers: Vec<_> = (0..CUSTOMERS).map(|number| sim.customer(&format!("customer {number}"))).collect();
    let before = ALLOCATOR.current_usage_as_mb();
    let write = |messages: usize| {
        let started = Instant::now();
        for number in 0..messages {
            customers[number % CUSTOMERS].says("请问你们的营业时间是几点到几点？");
        }
        started.elapsed()
    };
    let took = write(MESSAGES);
    let full = ALLOCATOR.current_usage_as_mb() - before;
    println!("{MESSAGES} messages within three days: {full:.0} MB ({took:.1?})");
    for _ in 0..3 {
        sim.advance(4 * DAY);
        write(CUSTOMERS);
    }
    let left = ALLOCATOR.current_usage_as_mb() - before;
    println!("{CUSTOMERS} messages four days later: {left:.1} MB");
    let peak = ALLOCATOR.peak_usage_as_mb();
    for _ in 0..10 {
        sim.advance(DAY);
        write(MESSAGES / 10);
    }
    let steady = ALLOCATOR.current_usage_as_mb() - before;
    println!(
        "{MESSAGES} messages over ten days: {steady:.0} MB, no new peak: {}",
        ALLOCATOR.peak_usage_as_mb() <= peak
    );
}
