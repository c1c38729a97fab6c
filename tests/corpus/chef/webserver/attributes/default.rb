# frozen_string_literal: true
default['webserver']['dir'] = '/etc/nginx'
default['webserver']['log_dir'] = '/var/log/nginx'
default['webserver']['install_method'] = 'package'

case node['platform_family']
when 'debian'
  default['webserver']['user'] = 'www-data'
  default['webserver']['init_style'] = 'runit'
when 'rhel', 'fedora'
  default['webserver']['user'] = 'nginx'
end

default['webserver']['package_name'] = if node['platform'] == 'ubuntu' then 'nginx-full' else 'nginx' end
default['webserver']['worker_processes'] = node['cpu'] && node['cpu']['total'] ? node['cpu']['total'] : 1
default['webserver']['keepalive'] = 'on'
default['webserver']['keepalive_timeout'] = 65
default['webserver']['worker_connections'] = 1_024
default['webserver']['server_tokens'] = nil
default['webserver']['gzip'] = true
default['webserver']['gzip_types'] = %w(
  text/plain
  text/css
  application/json
)
default['webserver']['sites'] = {
  'blog' => { 'port' => 80, 'root' => '/srv/blog' },
  'shop' => { 'port' => 8080, 'root' => '/srv/shop' },
}
override['webserver']['keepalive_timeout'] = 75
normal[:webserver][:class] = 'fast'
