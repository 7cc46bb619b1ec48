# The app, and with it all that its workers need: `docker compose up`, or see docs/deploy.md.
FROM python:3.11.14-slim-bookworm

# Any word puts Ray in: --build-arg RAY=yes
ARG RAY=

WORKDIR /app
COPY requirements.txt requirements-ray.txt constraints.txt ./
RUN pip install --no-cache-dir -r requirements.txt ${RAY:+-r requirements-ray.txt} -c constraints.txt

COPY docker/entry.sh docker/
COPY .streamlit/config.toml .streamlit/
COPY app.py CITATION.cff ./
COPY assets assets
COPY trees trees
COPY docs/glossary.md docs/
COPY pages pages
COPY hierapp hierapp

# The code is root's, so that nobody who gets into the app can change it; so it is compiled now.
RUN python -m compileall -q app.py pages hierapp \
    && useradd --uid 10001 --create-home hierapp \
    && install -d -o hierapp -g hierapp /var/lib/hierapp

USER hierapp
ENV HIERAPP_CONTAINER=1 HIERAPP_HOME=/var/lib/hierapp PYTHONUNBUFFERED=1
VOLUME /var/lib/hierapp
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

ENTRYPOINT ["/bin/sh", "/app/docker/entry.sh"]
CMD ["streamlit", "run", "app.py", "--server.address", "0.0.0.0", "--server.port", "8501", "--server.headless", "true"]
