"""Training: search, train, evaluate, register, confirm; states of a model."""

from include.training.confirm import confirm
from include.training.errors import GateError, InputError, StateError, TrainingError
from include.training.evaluate import evaluate, measure
from include.training.loop import predict, train_module
from include.training.models import load_model, model_info
from include.training.register import register
from include.training.reproducibility import code_digest
from include.training.states import STATES, set_state, state_history
from include.training.train import train
from include.training.tune import tune

__all__ = [
    "STATES",
    "GateError",
    "InputError",
    "StateError",
    "TrainingError",
    "code_digest",
    "confirm",
    "evaluate",
    "load_model",
    "measure",
    "model_info",
    "predict",
    "register",
    "set_state",
    "state_history",
    "train",
    "train_module",
    "tune",
]
