name             'thena-infra'
maintainer       'A person'
maintainer_email 'person@example.org'
license          'all_rights'
description      'Installs and configures the site of Thena'
version          '0.3.0'

supports 'ubuntu'
depends  'apt', '~> 2.7'
