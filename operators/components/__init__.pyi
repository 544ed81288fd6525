from .steps import StartWorkflowOperator, WorkflowModelOperator, WorkflowStepOperator
from .wiring import workflow_params, workflow_tasks

__all__ = ["StartWorkflowOperator", "WorkflowModelOperator", "WorkflowStepOperator", "workflow_params", "workflow_tasks"]
