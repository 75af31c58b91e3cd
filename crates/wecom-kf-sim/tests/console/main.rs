//! The console in a browser: headless Chromium, driven by chromedriver (Debian: `chromium`, `chromium-driver`).
//!
//! `cargo test -p wecom-kf-sim --test console -- --ignored`

#[cfg(test)]
mod browser;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod copied;
#[cfg(test)]
mod corps;
#[cfg(test)]
mod dialogs;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod my_bot;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod people;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod tabs;
#[cfg(test)]
mod trouble;
