path = node[:shop][:path]
owner = node['base']['deploy']['user']

directory path do
  owner owner
  recursive true
end

git "#{path}/src" do
  repository node[:shop][:repo]
  revision 'main'
  user owner
  notifies :restart, 'service[gunicorn]', :delayed
end

python_virtualenv "#{path}/venv"

pip_requirements "#{path}/src/requirements.txt" do
  virtualenv "#{path}/venv"
end

execute 'migrate' do
  command "#{path}/venv/bin/python manage.py migrate --noinput"
  cwd "#{path}/src"
  user owner
  environment node[:shop][:env]
  action :nothing
  subscribes :run, "git[#{path}/src]", :immediately
end

execute 'collect static files' do
  command %W(#{path}/venv/bin/python manage.py collectstatic)
  cwd "#{path}/src"
end

execute 'touch restart' do
  command "touch #{path}/restart.txt"
  creates "#{path}/restart.txt"
end

template '/etc/systemd/system/gunicorn.service' do
  variables(
    :user => owner,
    :path => path,
    :env => node[:shop][:env],
    :debug => node[:shop][:debug],
    :workers => node[:shop][:workers]
  )
  notifies :run, 'execute[reload systemd]', :immediately
  notifies :restart, 'service[gunicorn]'
end

execute 'reload systemd' do
  command 'systemctl daemon-reload'
  action :nothing
end

service 'gunicorn' do
  action [:enable, :start]
end
