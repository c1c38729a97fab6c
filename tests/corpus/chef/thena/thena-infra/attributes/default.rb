# where things are
default['thena-infra']['root'] = '/srv/www/'
default['thena-infra']['app_dir'] = '/srv/www/thena/current/'
default['thena-infra']['config_dir'] = '/etc/thena/'
default['thena-infra']['log_dir'] = '/var/log/thena/'
default['thena-infra']['log'] = "#{node['thena-infra']['log_dir']}uwsgi.log"

# nginx
default['thena-infra']['port'] = '80'
default['thena-infra']['server_name'] = 'thena.example'
# default['thena-infra']['server_name'] = '0.0.0.0' # on a laptop
default['thena-infra']['socket'] = '/var/lib/thena/thena.sock'

# uwsgi
default['thena-infra']['module'] = 'wsgi:app'
default['thena-infra']['user'] = 'thena'
default['thena-infra']['group'] = 'www-data'
default['thena-infra']['processes'] = 3
