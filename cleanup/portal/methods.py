"""Names of the portal's methods that are called in several places."""

from collections.abc import Mapping

from cleanup.model import Action

BATCH = "batch"
INSTANCES = "bizproc.workflow.instances"
TEMPLATES = "bizproc.workflow.template.list"
METHOD_OF: Mapping[Action, str] = {
    Action.KILL: "bizproc.workflow.kill",
    Action.TERMINATE: "bizproc.workflow.terminate",
}
