"""Client, worker and receiver for Ringback, which runs slow API operations in the background and rings back when they end."""

from .aio import AsyncClient
from .client import Client
from .errors import FieldFault, RingbackError
from .model import (
    BatchItem,
    Callback,
    Delivery,
    DeliveryFilter,
    Event,
    HistoryEntry,
    Operation,
    OperationFilter,
    Result,
    SubmitRequest,
    TypeDeclaration,
    has_ended,
)
from .receiver import Receiver
from .verify import WebhookVerificationError, verify

__all__ = [
    "AsyncClient",
    "BatchItem",
    "Callback",
    "Client",
    "Delivery",
    "DeliveryFilter",
    "Event",
    "FieldFault",
    "HistoryEntry",
    "Operation",
    "OperationFilter",
    "Receiver",
    "Result",
    "RingbackError",
    "SubmitRequest",
    "TypeDeclaration",
    "WebhookVerificationError",
    "has_ended",
    "verify",
]
