//! Task buttons: busy as long as a task is.

use serde_json::json;

use crate::name::Id;
use crate::{ExtendedTask, Result, Session, TaskStatus};

impl Session<'_> {
    /// Keeps the task button `id` of this scope busy while `task` runs. It starts nothing: that is an
    /// [`on_event`](Self::on_event) of the button's input.
    ///
    /// A task button is busy from the click on. With `autoReset`, as the client sends it by default, the session itself
    /// tells it to be ready with the flush that takes the click; where the click began a call, this says *busy* right
    /// after, and *ready* once the call is over. Several buttons may watch one task; of several tasks on one button, the
    /// last to say something has its way.
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    pub fn bind_task_button<A, T>(&self, id: impl Id, task: ExtendedTask<A, T>) -> Result<()>
    where
        A: Send + 'static,
        T: Send + 'static,
    {
        let id = crate::AbsoluteId::new(&id.resolve(self.namespace())?)?;
        let clicks = self.input::<serde_json::Value>(&id)?;
        self.effect(move |s| {
            // Each click has reset the button, whether or not it changes what the task does.
            let _ = clicks.get(s);
            let state = if task.status(s)? == TaskStatus::Running { "busy" } else { "ready" };
            s.send_input_message(&id, &json!({ "state": state }))
        });
        Ok(())
    }
}
