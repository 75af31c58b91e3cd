//! Confirmation: what a command is going to change is said first, and asked unless `--yes` was given.

use std::io::IsTerminal;

use dialoguer::Confirm;
use wecom_kf::{Bilingual, Lang};

use crate::app::App;
use crate::failure::{Exit, Failure, Problem};
use crate::text::escaped;

impl App {
    /// Says what the command is going to do, such as "Deletes the account wk1", without a full stop. Returns whether to do
    /// it: false with `--dry-run`.
    ///
    /// # Errors
    ///
    /// The user said no, or there is no terminal to ask on and no `--yes`.
    pub(crate) fn agree(&self, what: &Bilingual) -> Result<bool, Failure> {
        if self.options.dry_run {
            let what = Bilingual::new(format!("would do: {what}"), format!("将会执行：{}", what.in_lang(Lang::Zh)));
            self.out.always(&what);
            return Ok(false);
        }
        if self.options.yes {
            self.out.note(what);
            return Ok(true);
        }
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Err(Problem::new(
                Bilingual::new(format!("not confirmed: {what}"), format!("未确认：{}", what.in_lang(Lang::Zh))),
                (
                    "Run it on a terminal, which asks, or add --yes. With --dry-run it only says what it would do.",
                    "在终端中运行以便确认，或加上 --yes。加上 --dry-run 则只说明将会做什么。",
                ),
            )
            .exit(Exit::Usage)
            .into());
        }
        let question = self.lang().pick(". Go ahead?", "。继续？");
        // The prompt is written to stderr.
        let answer = Confirm::new()
            .with_prompt(format!("{}{question}", escaped(what.in_lang(self.lang()))))
            .default(false)
            .interact();
        match answer {
            Ok(true) => Ok(true),
            Ok(false) => Err(Problem::new(
                Bilingual::fixed("nothing was changed", "没有做任何改动"),
                ("Answer y to go ahead.", "回答 y 以继续。"),
            )
            .into()),
            Err(dialoguer::Error::IO(error)) => Err(error.into()),
        }
    }
}
