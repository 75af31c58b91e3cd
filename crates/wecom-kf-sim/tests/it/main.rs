//! The simulator as a stranger meets it: over HTTP, by reqwest, by the raw client, and on the bare socket.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod beliefs;
#[cfg(test)]
mod bot;
#[cfg(test)]
mod callbacks;
#[cfg(test)]
mod console_api;
#[cfg(test)]
mod control;
#[cfg(test)]
mod determinism;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod main_path;
#[cfg(test)]
mod people;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod program;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod sending;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod strictness;
#[cfg(test)]
mod tokens;
