# What a person types for a Django app with PostgreSQL on a new machine, as one script for bash.
# Its files lie in /srv/byhand/app; uv is there.  $1 is the machine's address.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q nginx postgresql
runuser -u postgres -- psql -q -c "CREATE ROLE byhand LOGIN PASSWORD 'byhand'" \
    -c "CREATE DATABASE byhand OWNER byhand"
useradd --system --home-dir /srv/byhand byhand
cat >/srv/byhand/env <<END
SECRET_KEY=0123456789012345678901234567890123456789012345678901234567890123
ALLOWED_HOSTS=$1
GREETING=hello
DATABASE_URL=postgresql://byhand:byhand@localhost/byhand
END
cd /srv/byhand/app
uv venv -q /srv/byhand/venv
uv pip install -q --python /srv/byhand/venv/bin/python --compile-bytecode -r requirements.txt
set -a
. /srv/byhand/env
set +a
/srv/byhand/venv/bin/python manage.py migrate -v 0
/srv/byhand/venv/bin/python manage.py collectstatic -v 0 --noinput
cat >/etc/systemd/system/byhand.service <<'END'
[Service]
User=byhand
Group=www-data
WorkingDirectory=/srv/byhand/app
EnvironmentFile=/srv/byhand/env
RuntimeDirectory=byhand
ExecStart=/srv/byhand/venv/bin/gunicorn -w 2 -b unix:/run/byhand/app.sock shop.wsgi
[Install]
WantedBy=multi-user.target
END
cat >/etc/nginx/sites-available/default <<'END'
server {
    listen 80 default_server;
    location /static/ { alias /srv/byhand/app/staticfiles/; }
    location / { proxy_pass http://unix:/run/byhand/app.sock; proxy_set_header Host $http_host; }
}
END
systemctl enable -q --now byhand
systemctl reload nginx
