# A folder of projects in the product's image: `make image PROJECTS=folder` builds both.
ARG BASE
FROM ${BASE}
USER 0
COPY . include/projects/
RUN chmod -R a+rX include/projects && /opt/devmlops/.devmlops/venv/bin/python -m compileall -q include/projects
USER 65534:65534
