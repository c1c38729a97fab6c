#
# Cookbook Name:: thena-infra
# Recipe:: configure
#

include_recipe 'apt::default'

package 'git'
package 'nginx'
%w(uwsgi-core uwsgi-plugin-python3).each do |name|
  package name
end

user node['thena-infra']['user'] do
  gid node['thena-infra']['group']
  system true
end

# directories of the app
directory node['thena-infra']['app_dir'] do
  recursive true
end

directory node['thena-infra']['config_dir'] do
  recursive true
end

directory node['thena-infra']['log_dir'] do
  owner node['thena-infra']['user']
  group node['thena-infra']['group']
  mode '0750'
end

directory ::File.dirname(node['thena-infra']['socket']) do
  owner node['thena-infra']['user']
  group node['thena-infra']['group']
end

# configuration
template '/etc/nginx/sites-available/thena' do
   source 'thena-nginx.erb'
   notifies :restart, 'service[nginx]', :delayed
end

link '/etc/nginx/sites-enabled/thena' do
  to '/etc/nginx/sites-available/thena'
end

file '/etc/nginx/sites-enabled/default' do
  action :delete
end

template "/etc/init/thena-uwsgi.conf" do
   source 'thena-uwsgi.conf.erb'
end

template "#{node['thena-infra']['config_dir']}thena-uwsgi.ini" do
  source 'thena-uwsgi.ini.erb'
end

service 'nginx' do
  supports :status => true
  action [:enable, :start]
end
