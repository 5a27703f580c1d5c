"""All settings, read from the environment; `.env.example` lists what can be set."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.utils.translation import gettext_lazy as _
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

from nlpstudio.config.environment import (
    email_settings,
    files_root,
    make_home,
    networks,
    secret_key,
    serve_urls,
    single_sign_on,
    socket_path,
    worker_labels,
)

ROOT = Path(__file__).resolve().parents[3]
env = environ.Env()
environ.Env.read_env(ROOT / ".env")

# Places and secrets
STUDIO_HOME = make_home(Path(env("STUDIO_HOME", default="var")).absolute())
FILES_ROOT = files_root(env("STORAGE_URL", default=""), STUDIO_HOME)
SECRET_KEY = secret_key(value=env("SECRET_KEY", default=""), file=env("SECRET_KEY_FILE", default=""), home=STUDIO_HOME)
DEBUG = env.bool("DEBUG", default=False)
PUBLIC_URL = env("PUBLIC_URL", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

# Apps
INSTALLED_APPS = [
    "nlpstudio.config.apps.StudioConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "channels",
    "django_htmx",
    "template_partials.apps.SimpleAppConfig",
    "nlpstudio.core",
    "nlpstudio.accounts",
    "nlpstudio.projects",
    "nlpstudio.quotas",
    "nlpstudio.datasets",
    "nlpstudio.registry",
    "nlpstudio.runs",
    "nlpstudio.demos",
    "nlpstudio.notices",
    "nlpstudio.api",
    "nlpstudio.operations",
]
MIDDLEWARE = [
    "nlpstudio.core.logs.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "nlpstudio.accounts.middleware.PreferencesMiddleware",
    "nlpstudio.accounts.middleware.LastSeenMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "nlpstudio.core.unkeepable.UnkeepableText",
]
ROOT_URLCONF = "nlpstudio.config.urls"
ASGI_APPLICATION = "nlpstudio.config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": ["template_partials.templatetags.partials", "nlpstudio.core.templatetags.studio"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "nlpstudio.core.context.shell",
            ],
        },
    }
]

# Database
DATABASE_URL = env("DATABASE_URL", default="")
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{STUDIO_HOME / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 60,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {
        # After a long outage the pool would wait for minutes before it tries again; who asks makes it try anew.
        "pool": {"min_size": 1, "max_size": 8, "timeout": 20, "reconnect_timeout": 4},
        "connect_timeout": 5,
        "keepalives_idle": 20,  # a server that went away in silence is noticed in half a minute, not in two hours
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Accounts
AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # e-mails are unique by a constraint that ignores case
    "security.W005",  # HSTS for other hosts of the domain is not ours to order
    "security.W021",
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "nlpstudio.accounts.adapter.InvitationOnly"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
MFA_ADAPTER = "nlpstudio.accounts.two_factor.TwoFactor"
MFA_FORMS = {
    "activate_totp": "nlpstudio.accounts.two_factor.ActivateForm",
    "authenticate": "nlpstudio.accounts.two_factor.AuthenticateForm",
    "reauthenticate": "nlpstudio.accounts.two_factor.ReauthenticateForm",
}
MFA_TOTP_ISSUER = "NLP Studio"
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_RECOVERY_CODE_DIGITS = 10
MFA_ALLOW_UNVERIFIED_EMAIL = True  # accounts are made by invitation, not by proving an e-mail
SOCIALACCOUNT_ADAPTER = "nlpstudio.accounts.single_sign_on.SingleSignOn"
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_STORE_TOKENS = False
SIGN_ON_INVITATION = "nlpstudio.projects.people.way_in"
SIGN_ON_NAME: str
SIGN_ON_ANYONE: bool
SIGN_ON_NAME, SIGN_ON_ANYONE, SOCIALACCOUNT_PROVIDERS = single_sign_on(
    url=env("OIDC_SERVER_URL", default=""),
    client=env("OIDC_CLIENT_ID", default=""),
    secret=env("OIDC_CLIENT_SECRET", default=""),
    name=env("OIDC_NAME", default=""),
    people=env("OIDC_NEW_PEOPLE", default=""),
)
vars().update(email_settings(env("EMAIL_URL", default=""), STUDIO_HOME))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("EMAIL_FROM", default="NLP Studio <studio@localhost>")

# Broker, live updates, cache: one Redis protocol server, embedded unless REDIS_URL names one
EMBEDDED_SOCKET = socket_path(STUDIO_HOME, "valkey.sock")
SERVE_SOCKET = socket_path(STUDIO_HOME, "serve.sock")
SERVE_URLS = serve_urls(env("SERVE_URL", default=""))  # serve workers elsewhere; empty: the one at the socket above
SERVE_MEMORY_MB = env.int("STUDIO_SERVE_MEMORY_MB", default=2048)
EXPORT_ENGINES = env.bool("STUDIO_EXPORT_ENGINES", default=True)  # make ONNX engines of what is published
TOKEN_PROJECTS = "nlpstudio.projects.access.projects_to_name"
TOKEN_MODELS = "nlpstudio.registry.access.models_to_name"
TOKEN_PER_MINUTE = env.int("STUDIO_TOKEN_PER_MINUTE", default=6000)  # requests of one API token; 0: as many as it likes
REDIS_URL = env("REDIS_URL", default=f"unix://{EMBEDDED_SOCKET}")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # A broker that was restarted left a dead connection behind: connect anew rather than refuse a page's socket.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None, "retry": Retry(ConstantBackoff(0.5), 6)}]},
    }
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 24 * 3600}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "io"
CELERY_WORKER_DIRECT = True
CELERY_TASK_ROUTES = {"runs.work": {"queue": "train"}}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "notices.reap": {"task": "notices.reap", "schedule": 15.0, "options": {"expires": 15}},
    "notices.tidy": {"task": "notices.tidy", "schedule": 3600.0, "options": {"expires": 600}},
    "runs.reap": {"task": "runs.reap", "schedule": 5.0, "options": {"expires": 5}},
    "datasets.reap": {"task": "datasets.reap", "schedule": 15.0, "options": {"expires": 15}},
    "registry.reap": {"task": "registry.reap", "schedule": 15.0, "options": {"expires": 15}},
    "demos.reap": {"task": "demos.reap", "schedule": 15.0, "options": {"expires": 15}},
    "operations.measure": {"task": "operations.measure", "schedule": 3600.0, "options": {"expires": 600}},
    "runs.sweep": {"task": "runs.sweep", "schedule": 3600.0, "options": {"expires": 600}},
    "operations.sweep": {"task": "operations.sweep", "schedule": 3600.0, "options": {"expires": 600}},
}

# Runs
LEASE_SECONDS = env.int("STUDIO_LEASE_SECONDS", default=30)
HEARTBEAT_SECONDS = env.int("STUDIO_HEARTBEAT_SECONDS", default=5)
HANG_SECONDS = env.int("STUDIO_HANG_SECONDS", default=900)
STOP_GRACE_SECONDS = env.int("STUDIO_STOP_GRACE_SECONDS", default=60)
TRAINER = "nlpstudio.runs.wiring.start_training"
WORKER_LABELS = worker_labels(env("STUDIO_WORKER_LABELS", default=""))
FAIR_HALF_LIFE_SECONDS = env.int("STUDIO_FAIR_HALF_LIFE_SECONDS", default=6 * 3600)
LEAST_FREE_BYTES = env.int("STUDIO_LEAST_FREE_MB", default=256) * 1024**2
STORAGE_METERS = [f"nlpstudio.{app}.meter.stored_bytes" for app in ("datasets", "registry", "demos")]

# Notices: letters need a server and the address that they lead to
AUDIT_LISTENERS = ["nlpstudio.notices.services.note", "nlpstudio.runs.services.let_go"]
MAIL_IS_ON = bool(env("EMAIL_URL", default="") and PUBLIC_URL)
WEBHOOK_NETWORKS = networks(env("STUDIO_WEBHOOK_NETWORKS", default=""))

# Requests
METRICS_TOKEN = env("STUDIO_METRICS_TOKEN", default="")
MAX_UPLOAD_BYTES = env.int("STUDIO_MAX_UPLOAD_BYTES", default=2 * 1024**3)
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024**2
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_TEMP_DIR = STUDIO_HOME / "tmp"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)

# Security
HTTPS = PUBLIC_URL.startswith("https://")
if PUBLIC_URL:
    ALLOWED_HOSTS.append(urlsplit(PUBLIC_URL).hostname or "")
    CSRF_TRUSTED_ORIGINS = [PUBLIC_URL.rstrip("/")]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = (
    ("__Host-sessionid", "__Host-csrftoken") if HTTPS else ("sessionid", "csrftoken")
)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]  # asked from inside, without the proxy
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# Languages and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [ROOT / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env("TIME_ZONE", default="UTC")

# Static files
STATIC_URL = "static/"
STATIC_ROOT = STUDIO_HOME / "static"
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": FILES_ROOT}},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Logs
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "nlpstudio.core.logs.LineFormatter"},
        "json": {"()": "nlpstudio.core.logs.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": env("LOG_FORMAT", default="line")}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {"httpx": {"level": "WARNING"}, "celery.worker.strategy": {"level": "WARNING"}},
}
