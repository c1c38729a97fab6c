#
# Cookbook Name:: thena-infra
# Recipe:: deploy
#

# a generic app, until there is a real one
file "#{node['thena-infra']['app_dir']}wsgi.py" do
  content "def app(env, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'Hello Thena\\n']
"
  notifies :restart, 'service[thena-uwsgi]'
end

service 'thena-uwsgi' do
  provider Chef::Provider::Service::Upstart
  supports :status => true
  action [:enable, :start]
end
