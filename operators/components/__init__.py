"""Tasks of a project's workflow: one for each step, and the model that comes out."""

from operators.components.steps import StartWorkflowOperator, WorkflowModelOperator, WorkflowStepOperator
from operators.components.wiring import workflow_params, workflow_tasks

__all__ = ["StartWorkflowOperator", "WorkflowModelOperator", "WorkflowStepOperator", "workflow_params", "workflow_tasks"]
