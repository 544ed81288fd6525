# The image that jobs run in, in Docker and on Kubernetes (environments with the runtime docker or kubernetes).
#
#   make image TAG=registry.example.com/devmlops:1
#   make image TAG=devmlops:1 PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu     without CUDA
#
# Packages come as `make install` gets them; all that .ci/bootstrap reads of PIP_* may be given as a build argument. The
# code of the projects in include/projects comes with it, and a job refuses where that is not the code of the checkout.
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
# Jobs run as nobody, who reads the files of a checkout that only its owner may read.
RUN chmod -R a+rX include && .devmlops/venv/bin/python -m compileall -q include
ENV PATH=/opt/devmlops/.devmlops/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONPATH=/opt/devmlops \
    DEVMLOPS_HOME=/tmp/devmlops
USER 65534:65534
CMD ["python", "-m", "include.jobs", "--help"]
