"""The online service: schema, state look-up, vector, model, message, one way."""

from serving.quiet import hush

hush()  # before any module of the package imports BentoML or MLflow
