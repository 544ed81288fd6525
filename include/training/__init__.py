"""Training: search, train, evaluate, register, confirm; states of a model."""

from include.training.card import model_card
from include.training.confirm import confirm
from include.training.download import download
from include.training.errors import GateError, InputError, StateError, TrainingError
from include.training.evaluate import evaluate, measure
from include.training.learners import Fitted, Learner, learner, predict
from include.training.models import load_model, model_info
from include.training.preparation import Preparation
from include.training.register import register
from include.training.reproducibility import code_digest
from include.training.reproduction import reproduce
from include.training.states import STATES, set_state, state_history
from include.training.train import train
from include.training.tune import tune

__all__ = [
    "STATES",
    "Fitted",
    "GateError",
    "InputError",
    "Learner",
    "Preparation",
    "StateError",
    "TrainingError",
    "code_digest",
    "confirm",
    "download",
    "evaluate",
    "learner",
    "load_model",
    "measure",
    "model_card",
    "model_info",
    "predict",
    "register",
    "reproduce",
    "set_state",
    "state_history",
    "train",
    "tune",
]
