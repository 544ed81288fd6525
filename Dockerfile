# The image that jobs run in, in Docker and on Kubernetes (environments with the runtime docker or kubernetes).
#
#   docker build -t devmlops:1 .
#   docker build -t devmlops:1 --build-arg PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu .     without CUDA
#
# Packages come as `make install` gets them; all that .ci/bootstrap reads of PIP_* may be given as a build argument.
FROM python:3.11-slim-bookworm AS packages
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_CERT
ARG PIP_DEFAULT_TIMEOUT
WORKDIR /opt/devmlops
COPY .ci/bootstrap .ci/bootstrap
COPY requirements.txt requirements.txt
RUN UV_NO_CACHE=1 UV_LINK_MODE=copy .ci/bootstrap requirements.txt && rm -rf ~/.cache

FROM python:3.11-slim-bookworm
WORKDIR /opt/devmlops
COPY --from=packages /opt/devmlops/.devmlops/venv /opt/devmlops/.devmlops/venv
COPY include include
RUN .devmlops/venv/bin/python -m compileall -q include
ENV PATH=/opt/devmlops/.devmlops/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONPATH=/opt/devmlops \
    DEVMLOPS_HOME=/tmp/devmlops
USER 65534:65534
CMD ["python", "-m", "include.jobs", "--help"]
