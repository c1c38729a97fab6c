"""What brings a module or a library: names that are not what one would guess.  Pure."""

import re
from typing import Dict, Optional, Tuple

# Import name to the name on the package index, where they differ.
DISTRIBUTIONS: Dict[str, str] = {
    "Crypto": "pycryptodome", "OpenSSL": "pyOpenSSL", "PIL": "pillow", "MySQLdb": "mysqlclient",
    "attr": "attrs", "bs4": "beautifulsoup4", "cairo": "pycairo", "corsheaders":
    "django-cors-headers", "crispy_forms": "django-crispy-forms", "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil", "debug_toolbar": "django-debug-toolbar", "decouple":
    "python-decouple", "django_filters": "django-filter", "dns": "dnspython", "docx":
    "python-docx", "dotenv": "python-dotenv", "environ": "django-environ", "fitz": "PyMuPDF",
    "flask_cors": "Flask-Cors", "flask_login": "Flask-Login", "flask_migrate": "Flask-Migrate",
    "flask_sqlalchemy": "Flask-SQLAlchemy", "flask_wtf": "Flask-WTF", "git": "GitPython",
    "google.protobuf": "protobuf", "grpc": "grpcio", "jose": "python-jose", "jwt": "PyJWT",
    "ldap": "python-ldap", "lxml": "lxml", "magic": "python-magic", "markdown": "Markdown",
    "multipart": "python-multipart", "nacl": "PyNaCl", "psycopg2": "psycopg2-binary",
    "pkg_resources": "setuptools", "pydantic_settings": "pydantic-settings", "rest_framework":
    "djangorestframework", "saml2": "pysaml2", "serial": "pyserial", "sklearn": "scikit-learn",
    "skimage": "scikit-image", "slugify": "python-slugify", "socketio": "python-socketio",
    "storages": "django-storages", "telegram": "python-telegram-bot", "win32api": "pywin32",
    "yaml": "PyYAML", "zmq": "pyzmq",
}  # fmt: skip

# The beginning of a library's file name to its package in Debian 12; found with apt-file.
PACKAGES: Tuple[Tuple[str, str], ...] = (
    ("libGL.so.1", "libgl1"), ("libEGL.so.1", "libegl1"), ("libX11.so.6", "libx11-6"),
    ("libXext.so.6", "libxext6"), ("libXrender.so.1", "libxrender1"), ("libSM.so.6", "libsm6"),
    ("libICE.so.6", "libice6"), ("libxcb.so.1", "libxcb1"), ("libaio.so.1", "libaio1"),
    ("libblas.so.3", "libblas3"), ("libcairo.so.2", "libcairo2"), ("libcurl.so.4", "libcurl4"),
    ("libcurl-gnutls.so.4", "libcurl3-gnutls"), ("libexpat.so.1", "libexpat1"),
    ("libffi.so.8", "libffi8"), ("libfontconfig.so.1", "libfontconfig1"),
    ("libfreetype.so.6", "libfreetype6"), ("libgdal.so", "libgdal32"),
    ("libgdk_pixbuf-2.0.so.0", "libgdk-pixbuf-2.0-0"), ("libgeos_c.so.1", "libgeos-c1v5"),
    ("libgfortran.so.5", "libgfortran5"), ("libgirepository-1.0.so.1", "libgirepository-1.0-1"),
    ("libglib-2.0.so.0", "libglib2.0-0"), ("libgobject-2.0.so.0", "libglib2.0-0"),
    ("libgthread-2.0.so.0", "libglib2.0-0"), ("libgomp.so.1", "libgomp1"),
    ("libgpgme.so.11", "libgpgme11"), ("libgssapi_krb5.so.2", "libgssapi-krb5-2"),
    ("libharfbuzz.so.0", "libharfbuzz0b"), ("libhdf5_serial.so", "libhdf5-103-1"),
    ("libjemalloc.so.2", "libjemalloc2"), ("libjpeg.so.62", "libjpeg62-turbo"),
    ("libkrb5.so.3", "libkrb5-3"), ("liblapack.so.3", "liblapack3"),
    ("liblber-2.5.so.0", "libldap-2.5-0"), ("libldap-2.5.so.0", "libldap-2.5-0"),
    ("libldap_r-2.4.so.2", "libldap-2.5-0"), ("libltdl.so.7", "libltdl7"),
    ("libmagic.so.1", "libmagic1"), ("libmariadb.so.3", "libmariadb3"),
    ("libmemcached.so.11", "libmemcached11"), ("libmysqlclient.so", "libmariadb3"),
    ("libncursesw.so.6", "libncursesw6"), ("libodbc.so.2", "libodbc2"),
    ("libopenblas.so.0", "libopenblas0"), ("libopenjp2.so.7", "libopenjp2-7"),
    ("libpango-1.0.so.0", "libpango-1.0-0"), ("libpangocairo-1.0.so.0", "libpangocairo-1.0-0"),
    ("libpangoft2-1.0.so.0", "libpangoft2-1.0-0"), ("libpcre.so.3", "libpcre3"),
    ("libpcre2-8.so.0", "libpcre2-8-0"), ("libpng16.so.16", "libpng16-16"),
    ("libpoppler.so", "libpoppler126"), ("libpq.so.5", "libpq5"), ("libproj.so.25", "libproj25"),
    ("libre2.so.9", "libre2-9"), ("librabbitmq.so.4", "librabbitmq4"),
    ("librdkafka.so.1", "librdkafka1"), ("libreadline.so.8", "libreadline8"),
    ("libsasl2.so.2", "libsasl2-2"), ("libsnappy.so.1", "libsnappy1v5"),
    ("libsndfile.so.1", "libsndfile1"), ("libsodium.so.23", "libsodium23"),
    ("libspatialindex.so", "libspatialindex6"), ("libspatialite.so.7", "libspatialite7"),
    ("libsqlite3.so.0", "libsqlite3-0"), ("libssh2.so.1", "libssh2-1"), ("libssl.so.3", "libssl3"),
    ("libsybdb.so.5", "libsybdb5"), ("libtesseract.so.5", "libtesseract5"),
    ("libtiff.so.6", "libtiff6"), ("libtk8.6.so", "libtk8.6"), ("libtcl8.6.so", "libtcl8.6"),
    ("libusb-1.0.so.0", "libusb-1.0-0"), ("libvips.so.42", "libvips42"),
    ("libwebp.so.7", "libwebp7"), ("libxml2.so.2", "libxml2"), ("libxmlsec1.so.1", "libxmlsec1"),
    ("libxmlsec1-openssl.so.1", "libxmlsec1-openssl"), ("libxslt.so.1", "libxslt1.1"),
    ("libyaml-0.so.2", "libyaml-0-2"), ("libz.so.1", "zlib1g"), ("libzbar.so.0", "libzbar0"),
    ("libzmq.so.5", "libzmq5"), ("libzstd.so.1", "libzstd1"),
)  # fmt: skip

# Modules that left the standard library, and the first version without them.
REMOVED: Dict[str, Tuple[int, int]] = {
    **dict.fromkeys(("asynchat", "asyncore", "distutils", "imp", "smtpd"), (3, 12)),
    **dict.fromkeys(
        (
            "aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap",
            "msilib", "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau",
            "telnetlib", "uu", "xdrlib",
        ),
        (3, 13),
    ),
}  # fmt: skip


def distribution_of(module: str) -> str:
    """The package that brings a module: its own name, unless we know better."""
    top = module.partition(".")[0]
    return DISTRIBUTIONS.get(module) or DISTRIBUTIONS.get(top) or re.sub("_", "-", top)


def package_with(library: str) -> str:
    """The Debian package that has a library; empty when we do not know."""
    return next((package for name, package in PACKAGES if library.startswith(name)), "")


def removed_in(module: str) -> Optional[Tuple[int, int]]:
    """The first version of Python whose standard library lacks a module that it once had."""
    return REMOVED.get(module.partition(".")[0])
