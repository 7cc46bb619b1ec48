# The app, installed from the wheel of this checkout: `docker compose up`, or see docs/deploy.md.
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS wheel
# Where pip looks, if not at its usual index: --build-arg PIP_INDEX_URL=https://...
ARG PIP_INDEX_URL PIP_EXTRA_INDEX_URL
WORKDIR /source
COPY constraints.txt ./
RUN pip install --no-cache-dir hatchling -c constraints.txt
COPY pyproject.toml README.md LICENSE CITATION.cff app.py ./
COPY .streamlit/config.toml .streamlit/
COPY docs/glossary.md docs/
COPY assets assets
COPY trees trees
COPY pages pages
COPY hierapp hierapp
RUN python -m hatchling build -t wheel -d /wheel

FROM ${BASE}
ARG PIP_INDEX_URL PIP_EXTRA_INDEX_URL
# cpu or cuda: which torch the image should have. TORCH_INDEX is an index that has it, if that of pip does not.
ARG TORCH=cpu TORCH_INDEX
# Any word adds Ray: --build-arg RAY=yes
ARG RAY

WORKDIR /app
COPY requirements.txt requirements-ray.txt constraints.txt docker/check_torch.py ./
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch torchvision -c constraints.txt \
    && python check_torch.py "$TORCH"
RUN pip install --no-cache-dir -r requirements.txt ${RAY:+-r requirements-ray.txt} -c constraints.txt
COPY --from=wheel /wheel /wheel
RUN pip install --no-cache-dir --no-index --no-deps /wheel/*.whl \
    && pip check \
    && rm -r /wheel requirements.txt requirements-ray.txt constraints.txt check_torch.py \
    && useradd --uid 10001 --create-home hierapp \
    && install -d -o hierapp -g hierapp /var/lib/hierapp
COPY docker/entry.sh docker/

USER hierapp
ENV HIERAPP_CONTAINER=1 HIERAPP_HOME=/var/lib/hierapp PYTHONUNBUFFERED=1 STREAMLIT_SERVER_HEADLESS=true
VOLUME /var/lib/hierapp
EXPOSE 8501
LABEL org.opencontainers.image.title=hierapp org.opencontainers.image.version=0.2.0 org.opencontainers.image.licenses=MIT

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

ENTRYPOINT ["/bin/sh", "/app/docker/entry.sh"]
CMD ["hierapp", "app", "--host", "0.0.0.0", "--port", "8501"]
